#include "scout/policy/control/primitive.h"

namespace scout {

const std::vector<PrimitiveEntry>& primitive_table() {
  static const std::vector<PrimitiveEntry> table{
      {"descend from the next point of a sequence", descent_from_sequence},
      {"descend from a mixture of a good probe and the best point", descent_from_mixture},
      {"descend from near the best point", descent_from_hop},
      {"descend from the minimum of the separable model", descent_from_separable},
      {"descend from the minimum of the quadratic model", descent_from_quadratic},
      {"evolve in the whole box", global_evolution},
      {"evolve around the best point", local_evolution},
      {"step as the rule of coordinates does", rule_steps},
      {"probe values and gradients", gradient_probes},
      {"probe values", value_probes},
  };
  return table;
}

}  // namespace scout
