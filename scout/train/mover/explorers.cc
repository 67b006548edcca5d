#include <numeric>

#include "scout/train/mover/mover.h"

namespace scout {

// Each is defined in the file of its name.
namespace explorer {
extern const ExplorerEntry coordinate, weights, tensor, orthogonal, decision;
}  // namespace explorer

const std::vector<ExplorerEntry>& explorer_table() {
  static const std::vector<ExplorerEntry> table{
      explorer::coordinate, explorer::weights, explorer::tensor, explorer::orthogonal, explorer::decision,
  };
  return table;
}

std::string_view to_string(Explored explored) {
  constexpr std::string_view names[]{"functions", "weights", "decisions"};
  return names[static_cast<std::size_t>(explored)];
}

std::vector<std::size_t> random_order(std::size_t count, Random& random) {
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), std::size_t{0});
  shuffle(std::span(order), random);
  return order;
}

}  // namespace scout
