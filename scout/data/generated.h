// Data sets that are drawn at random: where no files are at hand, and for meta-training.
#pragma once

#include <string>
#include <vector>

#include "scout/base/random.h"

namespace scout {

/// Labelled examples in plain numbers.
struct Examples {
  std::vector<int> shape;              ///< of one example: [features], or [steps, symbols] for a sequence
  int classes = 0;                     ///< labels are in [0, classes)
  int targets = 1;                     ///< labels of one example: 1, or one a step
  std::vector<float> inputs{};         ///< [N, shape...]
  std::vector<std::int32_t> labels{};  ///< [N, targets]
};

/// A row of the table of generated data sets.
struct GeneratedDataSet {
  const char* name;
  const char* summary;  ///< with the source, where there is one
  /// `count` >= 1 examples of a task (centres, teacher, transition probabilities ...) that is drawn first.
  Examples (*draw)(std::size_t count, Random& random);
};

/// spirals: two intertwined spirals of one to two turns with Gaussian noise (after Lang & Witbrock 1988).
/// parity: of 6 bits among 8, as ±1.
/// blobs: 5 classes of Gaussian clouds in 8-D with random centres; they overlap.
/// teacher: what a random tanh network with 8 hidden units says of N(0, I) inputs in 8-D, 4 classes.
/// recall: a sequence of 12 of 4 symbols; which was the first?
/// markov: sequences of 16 of 6 symbols from a random order-1 chain with skewed probabilities; what comes next, at each
/// step?
const std::vector<GeneratedDataSet>& generated_data_sets();

/// A row by name, or null.
const GeneratedDataSet* find_generated_data_set(std::string_view name);

}  // namespace scout
