#include "scout/problem/classifier/axes.h"

#include <charconv>

#include "scout/base/json_lines.h"
#include "scout/problem/axis_values.h"

namespace scout {
namespace {

/// "32x64" as numbers; "" as none.
std::vector<int> widths(const std::string& text) {
  std::vector<int> out;
  if (text.empty()) return out;
  for (const std::string& part : divide_at(text, 'x')) {
    int width = 0;
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), width);
    if (error != std::errc() || end != part.data() + part.size() || width < 1) {
      throw_bad_option("hidden", json_text(text), "whole numbers >= 1 with an x between them, e.g. 32x32");
    }
    out.push_back(width);
  }
  return out;
}

}  // namespace

void set_axes(ClassifierAxes& axes, std::string_view assignments) {
  set_options(axes, axis_values(assignments, "hidden"));  // "20" is a list of one width there, not a number
  for (const std::string& text : axes.hidden) widths(text);
}

ClassifierChoice choose(const ClassifierAxes& axes, Seed seed) {
  const auto one_of = [&](const char* axis, const auto& values) {
    return values[Random(seed.derive("axis").derive(axis)).index(values.size())];
  };
  return {.hidden = widths(one_of("hidden", axes.hidden)),
          .activation = one_of("activation", axes.activation),
          .init = one_of("init", axes.init),
          .batch = one_of("batch", axes.batch),
          .side = one_of("side", axes.side),
          .augment = axes.augment,
          .rescale = one_of("rescale", axes.rescale),
          .rescale_all = one_of("rescale_all", axes.rescale_all),
          .label_noise = one_of("label_noise", axes.label_noise)};
}

}  // namespace scout
