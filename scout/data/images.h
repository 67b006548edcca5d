// Labelled images in memory, read from the official files.
#pragma once

#include <cstdint>

#include "scout/data/catalog.h"

namespace scout {

/// Labelled square images in bytes, as the files hold them.
struct Images {
  int channels = 0;
  int side = 0;
  int classes = 0;
  std::vector<std::uint8_t> pixels{};  ///< [N, channels, side, side] row-major
  std::vector<std::uint8_t> labels{};  ///< [N], each below `classes`

  std::size_t count() const { return labels.size(); }
  std::size_t image_size() const { return static_cast<std::size_t>(channels * side * side); }
};

/// The official training and test sets.
struct TrainAndTest {
  Images train;
  Images test;
};

/// Reads `set` from `folder` (see `data_folder`). Of a file that is there under several names (find_data_files), the first
/// that is whole counts. Throws std::runtime_error naming the file, what was expected and what
/// found (missing, wrong magic number, truncated, too long, damaged, wrong count, a label out of range), and how to get the
/// data.
TrainAndTest load_images(const ImageDataSet& set, const std::filesystem::path& folder);

/// The images with `side` pixels a side, each the mean over the area that it covers (fractions of source pixels included),
/// rounded to a byte. Throws std::invalid_argument unless 1 <= `side` <= images.side.
Images downsample(const Images& images, int side);

}  // namespace scout
