#include "scout/problem/catalog/family.h"

#include <algorithm>
#include <mutex>
#include <stdexcept>

#include "scout/base/names.h"
#include "scout/problem/analytic_family.h"
#include "scout/problem/classifier/family.h"
#include "scout/problem/corpus_family.h"
#include "scout/problem/learning_families.h"
#include "scout/problem/narrow_family.h"
#include "scout/problem/noisy_family.h"
#include "scout/problem/quadratic_family.h"
#include "scout/problem/real/families.h"

namespace scout {
namespace {

constexpr std::string_view kRotated = "-rotated";
constexpr std::string_view kNoisy = "-noisy";

struct Added {
  std::mutex mutex;
  std::vector<std::shared_ptr<const Family>> families;
};
Added& added() {
  static Added all;
  return all;
}

std::shared_ptr<const Family> added_family(std::string_view name) {
  const std::lock_guard lock(added().mutex);
  const auto found =
      std::ranges::find(added().families, name, [](const auto& one) { return std::string_view(one->name()); });
  return found == added().families.end() ? nullptr : *found;
}

bool remove_suffix(std::string_view& name, std::string_view suffix) {
  if (!name.ends_with(suffix)) return false;
  name.remove_suffix(suffix.size());
  return true;
}

/// Null if there is no such function.
std::shared_ptr<const Family> function_family(std::string_view base, bool rotated) {
  for (const AnalyticFunction* function : analytic_functions()) {
    if (base == function->name) return analytic_family(*function, rotated);
  }
  for (const bool uniform : {false, true}) {
    if (base == quadratic_family(uniform)->name()) return quadratic_family(uniform, rotated);
  }
  for (const auto& learning : learning_families()) {
    if (base == learning->name() && !rotated) return learning;
  }
  return corpus_family(base, rotated);
}

}  // namespace

std::vector<std::string> family_names() {
  std::vector<std::string> names;
  for (const AnalyticFunction* function : analytic_functions()) names.emplace_back(function->name);
  for (const bool uniform : {false, true}) names.push_back(quadratic_family(uniform)->name());
  for (std::string& name : corpus_names()) names.push_back(std::move(name));
  for (const auto& learning : learning_families()) names.push_back(learning->name());
  for (const auto& real : real_families()) names.push_back(real->name());
  for (std::string& name : classifier_family_names()) names.push_back(std::move(name));
  const std::lock_guard lock(added().mutex);
  for (const auto& own : added().families) names.push_back(own->name());
  return names;
}

void add_family(std::shared_ptr<const Family> family) {
  if (family == nullptr) throw std::invalid_argument("add_family: no family was given");
  const std::string& name = family->name();
  for (const std::string& known : family_names()) {
    if (known == name) throw std::invalid_argument("problem '" + name + "': there is one of that name; choose another");
  }
  const std::lock_guard lock(added().mutex);
  added().families.push_back(std::move(family));
}

std::shared_ptr<const Family> family(std::string_view name) {
  if (auto found = added_family(name)) return found;
  if (auto found = classifier_family(name)) return found;
  if (auto found = real_family(name)) return found;
  const auto colon = name.find(':');
  std::string_view base = name.substr(0, colon);
  const bool noisy = remove_suffix(base, kNoisy);
  const bool rotated = remove_suffix(base, kRotated);
  if (auto found = function_family(base, rotated)) {
    if (noisy) found = noisy_family(std::move(found));
    if (colon == name.npos) return found;
    try {
      return narrow_family(std::move(found), name.substr(colon + 1));
    } catch (const std::invalid_argument& error) {
      throw std::invalid_argument("problem '" + std::string(name) + "': " + error.what());
    }
  }
  if (base != name && (added_family(base) || real_family(base))) {
    throw std::invalid_argument(
        "unknown problem '" + std::string(name) + "': '" + std::string(base) +
        "' has no variants, for only the functions that come with the library have suffixes and options");
  }
  const auto names = family_names();
  std::string nearest = nearest_name(base, names);
  if (!nearest.empty() && !classifier_family(nearest) && !real_family(nearest))
    nearest += name.substr(base.size());  // functions have the suffixes
  throw std::invalid_argument("unknown problem '" + std::string(name) + "'" + did_you_mean(nearest) + " Known problems: " +
                              join_names(names) + "; a function also with the suffixes -rotated, -noisy, -rotated-noisy");
}

}  // namespace scout
