// What a network is trained on, from files or drawn at random: one interface to all data sets.
#pragma once

#include "scout/base/random.h"
#include "scout/data/split.h"

namespace scout {

/// Labelled examples in four parts. Immutable: may be read from several threads at once.
class ExampleSource {
 public:
  virtual ~ExampleSource() = default;

  const std::vector<int>& shape() const { return shape_; }  ///< of one example: [channels, side, side] for an image
  std::size_t input_size() const { return input_size_; }    ///< the product of `shape`
  int classes() const { return classes_; }
  int targets() const { return targets_; }  ///< labels of one example: 1, or one for each step of a sequence

  virtual std::size_t count(DataPart part) const = 0;

  /// Writes the examples numbered `indices`, each below `count(part)`, to `inputs` [B, shape...] and their labels to
  /// `labels` [B, targets]. Draws from `random` change them as in training (augmentation); null: as they are.
  virtual void read(DataPart part, std::span<const std::uint32_t> indices, Random* random, std::span<float> inputs,
                    std::span<std::int32_t> labels) const = 0;

 protected:
  ExampleSource(std::vector<int> shape, int classes, int targets);

 private:
  std::vector<int> shape_;
  std::size_t input_size_;
  int classes_;
  int targets_;
};

/// The data set `name`. Image sets (catalog.h) come from files, at `side` pixels a side (0: their own), with crops and flips
/// for training if `augment` (padding of an eighth of the side). An image set's name with "-pairs" puts the channels of two
/// examples, whose pairing derives from `seed`, above each other, and asks for both classes: classes². Generated sets
/// (generated.h) are drawn from `seed`: 1,024 examples to train on and 512 in each other part; `side` and `augment` are
/// ignored. Throws std::invalid_argument for an unknown name, std::runtime_error for missing or bad files.
std::shared_ptr<const ExampleSource> example_source(const std::string& name, int side, bool augment, Seed seed);

/// Pairs of the examples of `source`, which has one target and a shape of channels first.
std::shared_ptr<const ExampleSource> pairs_of(std::shared_ptr<const ExampleSource> source, Seed seed);

/// `source` with the labels of its examples to train on (inner_train) wrong with probability `share`: each is then any
/// class, always the same for the same example and `seed`.
std::shared_ptr<const ExampleSource> with_label_noise(std::shared_ptr<const ExampleSource> source, double share, Seed seed);

/// The names of the sets of images, then of those of their pairs.
std::vector<std::string> image_source_names();

/// The names of all data sets, generated ones first.
std::vector<std::string> data_set_names();

}  // namespace scout
