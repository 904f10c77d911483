#include "apps/doctor/doctor.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "apps/command_line.h"
#include "apps/console/terminal.h"
#include "apps/doctor/gpu.h"
#include "apps/doctor/host.h"
#include "apps/doctor/libraries.h"
#include "apps/version.h"
#include "data/formats/imgcodecs.h"
#include "kernels/base/check.h"

namespace cf::apps {
namespace {

using Status = Finding::Status;

struct StatusText {
  const char* word;
  const char* color;
};

StatusText text_of(Status status) {
  switch (status) {
    case Status::Good:
      return {"good", "\033[32m"};
    case Status::Note:
      return {"note", "\033[33m"};
    case Status::Problem:
      return {"problem", "\033[31m"};
    case Status::Fatal:
      return {"fatal", "\033[1;31m"};
  }
  return {"?", ""};
}

void print_text(const std::vector<Finding>& findings) {
  const bool color = wants_color(stdout);
  for (const Finding& finding : findings) {
    const auto [word, escape] = text_of(finding.status);
    fmt::print("{}{:<8}{}{:<15}{}\n", color ? escape : "", word, color ? "\033[0m" : "", finding.subject,
               finding.value);
    if (!finding.advice.empty()) fmt::print("{:<8}{:<15}-> {}\n", "", "", finding.advice);
  }
}

void print_json(const std::vector<Finding>& findings, bool can_run) {
  nlohmann::ordered_json json;
  json["can_run"] = can_run;
  json["version"] = version();
  json["build"] = build_id();
  for (const Finding& finding : findings) {
    json["findings"].push_back({{"subject", finding.subject},
                                {"status", text_of(finding.status).word},
                                {"value", finding.value},
                                {"advice", finding.advice}});
  }
  fmt::print("{}\n", json.dump(2));
}

Finding judge_image_formats() {
  const std::string opencv = data::imgcodecs_version();
  return {"image formats", Status::Good,
          opencv.empty() ? "JPEG, PNG (WebP, BMP and TIFF in a build with OpenCV imgcodecs)"
                         : fmt::format("JPEG, PNG; WebP, BMP and TIFF by OpenCV {}", opencv),
          ""};
}

}  // namespace

int run_doctor(const Command& command, const Arguments& arguments) {
  bool as_json = false;
  CommandLine line(command);
  line.flag("json", &as_json, "print the findings as JSON");
  if (!line.parse(arguments)) return 0;

  std::vector<Finding> findings = {
      {"build", Status::Good, fmt::format("{} ({}), {}", version(), build_id(), build_architecture()), ""},
      judge_image_formats()};
  const GpuFacts gpus = examine_gpus();
  const CudaBuild cuda{build_cuda(), build_cuda_architectures()};
  for (const auto& part : {judge_host(examine_host()), judge_gpus(gpus, cuda),
                           judge_libraries(examine_libraries(), gpus, cuda)}) {
    findings.insert(findings.end(), part.begin(), part.end());
  }
  const bool can_run = std::none_of(findings.begin(), findings.end(),
                                    [](const Finding& finding) { return finding.status == Status::Fatal; });
  if (as_json) {
    print_json(findings, can_run);
  } else {
    print_text(findings);
  }
  return can_run ? 0 : static_cast<int>(ErrorKind::Device);
}

}  // namespace cf::apps
