#include "scout/cli/named_policies.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <stdexcept>

#include "scout/base/json_lines.h"
#include "scout/cli/usage.h"

namespace scout {
namespace fs = std::filesystem;
namespace {

/// The label is empty if `word` has none. A file whose name has a '=' is a file.
NamedPolicy split(const std::string& word) {
  const auto equals = word.find('=');
  if (equals == std::string::npos || policy_or_file_exists(word).empty()) return {"", word};
  return {word.substr(0, equals), word.substr(equals + 1)};
}

/// The name of the policy without its ending, behind at most `folders` of those that it lies in. An entry of a suite's
/// optimizers ends its label at the first '=' or ':'.
std::string label_of(const std::string& policy, int folders) {
  std::error_code error;
  fs::path path = policy;
  if (fs::is_regular_file(path, error)) path = fs::absolute(path).lexically_normal();
  std::string label = path.stem().string();
  for (path = path.parent_path(); folders > 0 && path.has_filename(); path = path.parent_path(), --folders) {
    label = path.filename().string() + "/" + label;
  }
  std::ranges::replace_if(
      label, [](char c) { return c == '=' || c == ':'; }, '_');
  return label;
}

}  // namespace

std::string labelled_policy_exists(const std::string& word) {
  const NamedPolicy named = split(word);
  if (named.policy != word && (named.label.empty() || named.label.find(':') != std::string::npos)) {
    return "'" + word + "' begins with no label: write LABEL=POLICY, the label without a colon";
  }
  return policy_or_file_exists(named.policy);
}

std::vector<NamedPolicy> name_policies(const std::vector<std::string>& words, const std::vector<std::string>& taken) {
  std::vector<NamedPolicy> out;
  for (const auto& word : words) out.push_back(split(word));
  std::vector<int> folders(out.size(), 0);
  std::vector<bool> own(out.size());
  for (std::size_t k = 0; k < out.size(); ++k) {
    own[k] = !out[k].label.empty();
    if (!own[k]) out[k].label = out.size() == 1 ? "scout" : label_of(out[k].policy, 0);
  }
  for (bool changed = true; changed;) {
    std::map<std::string, int> uses;
    for (const auto& label : taken) ++uses[valid_utf8(label)];
    for (const auto& named : out) ++uses[valid_utf8(named.label)];  // as records and reports call it
    changed = false;
    for (std::size_t k = 0; k < out.size(); ++k) {
      if (own[k] || uses[valid_utf8(out[k].label)] < 2) continue;
      const std::string longer = label_of(out[k].policy, ++folders[k]);
      changed = changed || longer != out[k].label;
      out[k].label = longer;
    }
    if (changed) continue;
    for (const auto& named : out) {
      if (uses[valid_utf8(named.label)] < 2) continue;
      throw std::invalid_argument("--policy " + named.policy + ": another optimizer is called '" + named.label +
                                  "' too: give it a name of its own, LABEL=" + named.policy);
    }
  }
  return out;
}

}  // namespace scout
