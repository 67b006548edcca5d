#include "scout/train/learner/learner.h"

namespace scout {

// Each is defined in a file of its own.
namespace learner {
extern const LearnerEntry decisions, ddpg, evolution, es, guided, pes, ppo, tbptt;
}  // namespace learner

const std::vector<LearnerEntry>& learner_table() {
  static const std::vector<LearnerEntry> table{
      learner::decisions, learner::ddpg, learner::evolution, learner::es,
      learner::guided,    learner::pes,  learner::ppo,       learner::tbptt,
  };
  return table;
}

Slice slice_of(const UpdateRule& rule, std::string_view name) {
  const Linear head = rule.context_head();
  const std::size_t count = rule.decisions() != nullptr ? rule.decisions()->offset() : rule.parameter_count();
  const std::size_t begin = head.out > 0 ? head.offset : count;
  if (name == "all") return {0, count};
  if (name == "decisions") return {count, count + (rule.decisions() != nullptr ? rule.decisions()->parameter_count() : 0)};
  if (name == "head") return {begin, begin + (head.out > 0 ? head.size() : 0)};
  return {0, begin};
}

}  // namespace scout
