// Rows that `bench infer --json`, `bench train --json` and `eval --json` have printed, read back.
//
// A file holds JSON objects one after the other, or arrays of them, so that outputs can be appended to it. Of
// a bench row these keys count; rows of another program need no more than those without a default:
//
//   model            what the row is called in a message
//   batch            images of a step
//   seconds          of a step: a number, or an object with "median"
//   macs_per_image   multiply-accumulates of one forward pass
//   bench            "infer" (default) or "train", which counts three passes
//   size, device, precision, how, label    default: empty
//
// An eval row is one with "checkpoint": its "top1" (a share from 0 to 1) belongs to the bench rows of its
// file that have its "size"; a bench row may have "top1" itself.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace cf::apps {

struct MeasuredRow {
  std::string file, label;  // label: what the row says, or the file's name without folder and ending
  std::string model, bench, device, precision, how;
  int batch = 0, size = 0;  // size 0: not said
  double seconds = 0, macs_of_image = 0;
  std::optional<double> top1;

  int passes() const { return bench == "train" ? 3 : 1; }
  double flops() const { return 2 * passes() * macs_of_image * batch; }
};

// At least one row. A file that cannot be opened, is not JSON, or holds a row with a key that is missing or
// of another kind is a Data error that names file, row and key.
std::vector<MeasuredRow> read_measured_rows(const std::string& file);

}  // namespace cf::apps
