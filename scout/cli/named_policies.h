// The policies that a command names, and what tables call them.
#pragma once

#include <string>
#include <vector>

namespace scout {

struct NamedPolicy {
  std::string label;
  std::string policy;  ///< a file, or the name of one that comes with the library
};

/// For CLI::Option::check: POLICY or LABEL=POLICY. Empty if there is such a policy, else what is wrong.
std::string labelled_policy_exists(const std::string& word);

/// `words`, each POLICY or LABEL=POLICY, with labels that no other has and that are not in `taken`. One without a label is
/// called "scout" if it is alone, else by its file's name, with as many folders before it as tell it apart. Throws
/// std::invalid_argument if two get the same label nevertheless.
std::vector<NamedPolicy> name_policies(const std::vector<std::string>& words, const std::vector<std::string>& taken);

}  // namespace scout
