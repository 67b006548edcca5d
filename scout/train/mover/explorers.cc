#include "scout/train/mover/explorers.h"

namespace scout {

const std::vector<ExplorerEntry>& explorer_table() {
  static const std::vector<ExplorerEntry> table{
      explorer::coordinate,
      explorer::weights,
      explorer::tensor,
      explorer::orthogonal,
  };
  return table;
}

}  // namespace scout
