#include "scout/bench/run/spec.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <sstream>

#include "scout/base/json_lines.h"
#include "scout/base/names.h"
#include "scout/base/numbers.h"
#include "scout/base/shipped_files.h"
#include "scout/problem/catalog/family.h"

namespace scout::bench {
namespace fs = std::filesystem;
namespace {

template <class T>
void check_list(const char* key, const std::vector<T>& list) {
  if (list.empty()) throw_bad_option(key, "[]", "a list of at least one");
  std::set<T> seen;
  for (const T& item : list) {
    if (!seen.insert(item).second) throw_bad_option(key, json_text(item) + " twice", "a list without repetition");
  }
}

/// "KEY=VALUE", "KEY<=NUMBER" or "KEY>=NUMBER" of `entry`.
Pin parse_pin(const std::string& entry, const std::string& text) {
  constexpr auto kSigns = "<>=";
  const auto begin = std::min(text.find_first_of(kSigns), text.size());
  const auto end = std::min(text.find_first_not_of(kSigns, begin), text.size());
  const Pin pin{text.substr(0, begin), text.substr(begin, end - begin), text.substr(end)};
  const bool known = pin.relation == "=" || pin.relation == "<=" || pin.relation == ">=";
  if (!known || pin.key.empty() || pin.value.empty() || pin.value.find_first_of(kSigns) != std::string::npos) {
    throw_bad_option("optimizers", '"' + entry + '"', "NAME:PIN,..., a pin KEY=VALUE, KEY<=NUMBER or KEY>=NUMBER");
  }
  return pin;
}

constexpr auto kFolder = "benchmarks";

/// Where not `checked`, its problems may be unknown here.
Suite read_suite(const fs::path& path, bool checked) {
  Suite suite;
  suite.name = path.stem().string();
  const auto values = read_toml(path.string());
  try {
    set_options(suite, values);
    if (checked) validate_suite(suite);
  } catch (const std::invalid_argument& error) {
    throw std::invalid_argument(path.string() + ": " + error.what());
  }
  return suite;
}

}  // namespace

std::vector<Task> Suite::tasks() const {
  std::vector<Task> out;
  for (const auto& problem : problems) {
    const auto found = family(problem);
    const std::vector<int> own = found->fixed_instances() > 0  ? std::vector{0}
                                 : found->has_own_dimensions() ? std::vector{found->sample(Split::test, 0, 0)->dimension()}
                                                               : dimensions;
    for (int dimension : own) {
      for (auto budget : budgets) out.push_back({problem, dimension, budget});
    }
  }
  return out;
}

OptimizerName parse_optimizer(const std::string& entry) {
  const auto separator = entry.find_first_of("=:");
  const bool labelled = separator != std::string::npos && entry[separator] == '=';
  OptimizerName out{labelled ? entry.substr(0, separator) : entry, labelled ? entry.substr(separator + 1) : entry, {}};
  if (const auto colon = out.name.find(':'); colon != std::string::npos && !out.name.starts_with("policy:")) {
    std::istringstream pins(out.name.substr(colon + 1));
    for (std::string pin; std::getline(pins, pin, ',');) out.pins.push_back(parse_pin(entry, pin));
    out.name.resize(colon);
  }
  out.label = valid_utf8(out.label);
  if (out.label.empty() || out.name.empty()) throw_bad_option("optimizers", '"' + entry + '"', "NAME or LABEL=NAME");
  return out;
}

bool Pin::holds(const nlohmann::json& settings) const {
  const auto found = settings.find(key);
  if (found == settings.end()) return false;
  if (!found->is_number())
    return relation == "=" && (found->is_string() ? found->get<std::string>() : found->dump()) == value;
  const double x = found->get<double>();
  const double bound = parse_number(value).value_or(NAN);
  return relation == "<=" ? x <= bound : relation == ">=" ? x >= bound : x == bound;
}

void validate_suite(const Suite& suite) {
  validate(suite);
  check_list("problems", suite.problems);
  check_list("dimensions", suite.dimensions);
  check_list("budgets", suite.budgets);
  check_list("targets", suite.targets);
  std::vector<std::string> labels;
  for (const auto& entry : suite.optimizers) labels.push_back(parse_optimizer(entry).label);
  check_list("optimizers", labels);
  for (const auto& problem : suite.problems) family(problem);
  for (const auto& problem : suite.trajectories.problems) {
    if (family(problem)->has_own_dimensions()) {
      throw_bad_option("trajectories.problems", '"' + problem + '"', "a family with 2-D instances");
    }
  }
  for (const auto& label : suite.trajectories.optimizers) {
    if (std::ranges::find(labels, label) == labels.end()) {
      throw_bad_option("trajectories.optimizers", '"' + label + '"', "one of the labels in optimizers");
    }
  }
}

Suite load_suite(const std::string& name_or_path) { return read_suite(find_file(name_or_path, kFolder, "suite"), true); }

fs::path archive_of(const Suite& suite) { return shipped_folder(kFolder) / "results" / suite.name; }

std::vector<Suite> shipped_suites() {
  std::vector<Suite> out;
  for (const auto& name : shipped_names(kFolder)) out.push_back(read_suite(find_file(name, kFolder, "suite"), false));
  return out;
}

}  // namespace scout::bench
