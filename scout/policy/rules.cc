#include "scout/policy/rules.h"

#include "scout/base/names.h"

namespace scout {

RuleEntry coordinate_rule();    // policy/coordinate/coordinate_rule.cc
RuleEntry control_rule();       // policy/control/control_rule.cc
RuleEntry joint_rule();         // policy/joint/joint_rule.cc
RuleEntry history_rule();       // policy/joint/history_rule.cc
RuleEntry weight_rule();        // policy/weight/weight_rule.cc
RuleEntry adam_rule();          // policy/weight/adam_rule.cc
RuleEntry lstm_rule();          // policy/lstm/lstm_rule.cc
RuleEntry hierarchical_rule();  // policy/hierarchical/hierarchical_rule.cc
RuleEntry small_fc_rule();      // policy/mlp/small_fc_rule.cc
RuleEntry celo2_rule();         // policy/mlp/celo2_rule.cc
RuleEntry transformer_rule();   // policy/transformer/transformer_rule.cc

const std::vector<RuleEntry>& rule_table() {
  static const std::vector<RuleEntry> table{coordinate_rule(), control_rule(), joint_rule(),      history_rule(),
                                            weight_rule(),     adam_rule(),    lstm_rule(),       hierarchical_rule(),
                                            small_fc_rule(),   celo2_rule(),   transformer_rule()};
  return table;
}

const RuleEntry& rule_entry(const std::string& name) {
  std::vector<std::string> known;
  for (const RuleEntry& entry : rule_table()) {
    if (entry.name == name) return entry;
    known.emplace_back(entry.name);
  }
  throw_bad_option("rule", "'" + name + "'", "one of " + join_names(known) + did_you_mean(nearest_name(name, known)));
}

std::shared_ptr<const UpdateRule> make_rule(const RuleOptions& options) {
  validate(options);
  return rule_entry(options.rule).make(options);
}

}  // namespace scout
