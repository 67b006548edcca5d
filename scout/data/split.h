// The four parts of a data set, and the images of a part as numbers.
#pragma once

#include <memory>

#include "scout/base/random.h"
#include "scout/data/images.h"

namespace scout {

/// What examples are for. An inner problem (a network that is trained) sees `inner_train`; what is chosen inside its
/// training looks at `inner_validation`; what is chosen between optimizers (meta-training, tuning) at `outer_validation`;
/// results are reported on `test`.
enum class DataPart { inner_train, inner_validation, outer_validation, test };
inline constexpr std::array kDataParts{DataPart::inner_train, DataPart::inner_validation, DataPart::outer_validation,
                                       DataPart::test};

/// The numbers of the official training examples that belong to a part other than `test`: 80, 10 and 10 % of a shuffle
/// that depends on the name of the data set only, so it is the same for everybody, for ever. Disjoint, and together all.
std::vector<std::uint32_t> part_indices(std::string_view data_set, std::size_t train_count, DataPart part);

/// Mean and standard deviation of each channel, on the scale where bytes are 0 to 255.
struct Standardisation {
  std::vector<float> mean;
  std::vector<float> deviation;  ///< above 0
};
Standardisation standardisation_of(const Images& images);

/// Random changes of training images (He 2016 for CIFAR): a crop after zero padding, and a flip from left to right.
struct Augmentation {
  int padding = 0;  ///< pixels on each side
  bool flip = false;
  bool any() const { return padding > 0 || flip; }
};

/// Writes (pixel - mean) / deviation of the images numbered `indices` to `out` [B, channels, side, side]. With
/// `augmentation`, every image is cropped and flipped by draws from `random`, which then must not be null.
void gather(const Images& images, std::span<const std::uint32_t> indices, const Standardisation& standardisation,
            const Augmentation& augmentation, Random* random, std::span<float> out);

/// A data set in its four parts.
struct ImageParts {
  std::array<Images, kDataParts.size()> parts;  ///< by DataPart
  Standardisation standardisation;              ///< of inner_train

  const Images& operator[](DataPart part) const { return parts[static_cast<std::size_t>(part)]; }
};

/// Divides a data set that was read, at `side` pixels a side.
ImageParts divide(const ImageDataSet& set, const TrainAndTest& images, int side);

/// Loads, divides and downsamples a data set from `data_folder()`, once: later calls with the same arguments return the same
/// memory, which is kept until the program ends. May be called from several threads at once. Errors as `load_images` and
/// `downsample`.
std::shared_ptr<const ImageParts> image_parts(const std::string& name, int side);

}  // namespace scout
