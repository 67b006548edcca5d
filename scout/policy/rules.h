// The table of update rules.
#pragma once

#include <memory>
#include <vector>

#include "scout/policy/rule/rule_entry.h"

namespace scout {

const std::vector<RuleEntry>& rule_table();
/// The row of that name. Throws std::invalid_argument that names the nearest known one.
const RuleEntry& rule_entry(const std::string& name);
/// Throws std::invalid_argument naming option, value and condition.
std::shared_ptr<const UpdateRule> make_rule(const RuleOptions& options);

}  // namespace scout
