// Measured routes in their file: what is kept, and what is not believed.
#include "apps/inference/route_cache.h"

#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "apps/inference/measured_routes.h"
#include "apps/version.h"
#include "tests/scratch_folder.h"

namespace cf::apps {
namespace {

constexpr auto kGpu = "H200, driver 13000, batch 1";
constexpr auto kBlock = "mbconv C=512 E=2048 7x7";

TEST(RouteCache, KeepsTimesByConditionsAndBlock) {
  const ScratchFolder folder;
  const auto file = folder.path() / "made" / "on demand" / "routes.json";
  RouteCache cache(file);
  EXPECT_FALSE(cache.find(kGpu, kBlock));
  cache.add(kGpu, kBlock, {34e-6, 26e-6});
  cache.save();
  const RouteCache again(file);
  ASSERT_TRUE(again.find(kGpu, kBlock));
  EXPECT_EQ(again.find(kGpu, kBlock)->fused, 34e-6);
  EXPECT_EQ(again.find(kGpu, kBlock)->layers, 26e-6);
  EXPECT_FALSE(again.find("H200, driver 13000, batch 2", kBlock));
  EXPECT_FALSE(again.find(kGpu, "mbconv C=256 E=1024 14x14"));
}

TEST(RouteCache, WritesAnewWhatItCannotUse) {
  const ScratchFolder folder;
  const auto file = folder.path() / "routes.json";
  const char* const damaged[] = {
      "",
      "{",
      "[]",
      R"({"format": "convfirst routes 2", "seconds": {}})",
      R"({"format": "convfirst routes 1", "seconds": {"a": {"b": {"fused": 1}}}})",
      R"({"format": "convfirst routes 1", "seconds": {"a": {"b": {"fused": 1, "layers": -1}}}})",
      R"({"format": "convfirst routes 1", "seconds": 3})"};
  for (const char* text : damaged) {
    std::ofstream(file) << text;
    testing::internal::CaptureStderr();
    RouteCache cache(file);
    const std::string said = testing::internal::GetCapturedStderr();
    EXPECT_NE(said.find("routes.json: not used"), std::string::npos) << text;
    EXPECT_EQ(std::count(said.begin(), said.end(), '\n'), 1) << said;
    EXPECT_FALSE(cache.find("a", "b")) << text;
    cache.add(kGpu, kBlock, {1, 2});
    cache.save();
    EXPECT_TRUE(RouteCache(file).find(kGpu, kBlock)) << text;
  }
}

TEST(RouteCache, OfAPlaceThatCannotBeAskedIsEmpty) {
  const ScratchFolder folder;
  const RouteCache cache(folder.path() / std::string(300, 'n') / "routes.json");  // longer than names may be
  EXPECT_FALSE(cache.find(kGpu, kBlock));
}

TEST(RouteCache, SaysThatItCannotWrite) {
  const ScratchFolder folder;
  std::ofstream(folder.path() / "file") << "no folder";
  RouteCache cache(folder.path() / "file" / "routes.json");
  cache.add(kGpu, kBlock, {1, 2});
  testing::internal::CaptureStderr();
  cache.save();
  EXPECT_NE(testing::internal::GetCapturedStderr().find("measured routes are not kept"), std::string::npos);
}

TEST(RouteCache, LiesWhereTheEnvironmentSays) {
  const char* const before = std::getenv("XDG_CACHE_HOME");
  const std::string kept = before == nullptr ? "" : before;
  setenv("XDG_CACHE_HOME", "/somewhere", 1);
  EXPECT_EQ(route_cache_file(), "/somewhere/convfirst/routes.json");
  setenv("XDG_CACHE_HOME", "relative", 1);
  EXPECT_TRUE(route_cache_file().empty() || route_cache_file().is_absolute());
  kept.empty() ? unsetenv("XDG_CACHE_HOME") : setenv("XDG_CACHE_HOME", kept.c_str(), 1);
}

TEST(RouteCache, TellsBuildsOfOneCommitApart) {
  const ScratchFolder folder;
  const auto key_of = [&](const std::string& program) {
    std::ofstream(folder.path() / "program", std::ios::binary) << program;
    return build_key(folder.path() / "program");
  };
  const std::string code(3 << 20, 'k');  // longer than what is read at once
  ASSERT_TRUE(key_of(code));
  EXPECT_EQ(key_of(code), key_of(code));
  EXPECT_NE(key_of(code), key_of(code + "k"));
  EXPECT_NE(key_of(code), key_of("j" + code.substr(1)));
  EXPECT_TRUE(build_key()->starts_with(build_id()));
  EXPECT_FALSE(build_key(folder.path() / "absent"));
  EXPECT_FALSE(build_key(folder.path()));
}

TEST(MeasuredRoutes, TakeLayersWhereTheyAreClearlyFaster) {
  EXPECT_TRUE(prefers_layers({.fused = 34e-6, .layers = 26e-6}));
  EXPECT_FALSE(prefers_layers({.fused = 34e-6, .layers = 33.9e-6}));
  EXPECT_FALSE(prefers_layers({.fused = 8e-6, .layers = 10e-6}));
}

}  // namespace
}  // namespace cf::apps
