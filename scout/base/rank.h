// One process of a job that may have several.
#pragma once

namespace scout {

struct RankOf {
  int rank = 0;
  int ranks = 1;
};

}  // namespace scout
