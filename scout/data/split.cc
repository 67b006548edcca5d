#include "scout/data/split.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <mutex>
#include <numeric>
#include <stdexcept>

namespace scout {
namespace {

/// Part of what the parts are: never changed.
constexpr std::uint64_t kSplitSeed = 20240301;

Images take(const Images& images, std::span<const std::uint32_t> indices) {
  Images out{.channels = images.channels, .side = images.side, .classes = images.classes};
  out.labels.reserve(indices.size());
  out.pixels.reserve(indices.size() * images.image_size());
  for (const std::uint32_t i : indices) {
    out.labels.push_back(images.labels[i]);
    const auto first = images.pixels.begin() + static_cast<std::ptrdiff_t>(i * images.image_size());
    out.pixels.insert(out.pixels.end(), first, first + static_cast<std::ptrdiff_t>(images.image_size()));
  }
  return out;
}

}  // namespace

std::vector<std::uint32_t> part_indices(std::string_view data_set, std::size_t train_count, DataPart part) {
  if (part == DataPart::test) {
    throw std::invalid_argument("part_indices: the part is test: must be one of the official training set");
  }
  std::vector<std::uint32_t> order(train_count);
  std::iota(order.begin(), order.end(), 0U);
  Random random(Seed(kSplitSeed).derive("data parts").derive(data_set));
  shuffle(std::span(order), random);
  const auto all = static_cast<std::ptrdiff_t>(train_count);
  const auto tenth = static_cast<std::ptrdiff_t>(train_count / 10);
  const std::array begins{std::ptrdiff_t{0}, all - 2 * tenth, all - tenth, all};
  const auto p = static_cast<std::size_t>(part);
  return {order.begin() + begins[p], order.begin() + begins[p + 1]};
}

Standardisation standardisation_of(const Images& images) {
  Standardisation out;
  const auto plane = static_cast<std::size_t>(images.side * images.side);
  const auto channels = static_cast<std::size_t>(images.channels);
  for (std::size_t c = 0; c < channels; ++c) {
    // Whole numbers: exact, in any order.
    std::uint64_t sum = 0, square = 0;
    for (std::size_t i = 0; i < images.count(); ++i) {
      const std::uint8_t* pixels = &images.pixels[(i * channels + c) * plane];
      for (std::size_t p = 0; p < plane; ++p) {
        sum += pixels[p];
        square += static_cast<std::uint64_t>(pixels[p]) * pixels[p];
      }
    }
    const double n = std::max(1.0, static_cast<double>(images.count() * plane));
    const double mean = static_cast<double>(sum) / n;
    const double variance = static_cast<double>(square) / n - mean * mean;
    out.mean.push_back(static_cast<float>(mean));
    out.deviation.push_back(static_cast<float>(variance > 0 ? std::sqrt(variance) : 1.0));  // a constant channel
  }
  return out;
}

void gather(const Images& images, std::span<const std::uint32_t> indices, const Standardisation& standardisation,
            const Augmentation& augmentation, Random* random, std::span<float> out) {
  const int side = images.side;
  const auto plane = static_cast<std::size_t>(side * side);
  float* target = out.data();
  for (const std::uint32_t index : indices) {
    const std::uint8_t* image = &images.pixels[index * images.image_size()];
    int shift_y = 0;
    int shift_x = 0;
    bool flip = false;
    if (augmentation.any()) {
      const auto places = static_cast<std::uint64_t>(2 * augmentation.padding + 1);
      shift_y = static_cast<int>(random->index(places)) - augmentation.padding;
      shift_x = static_cast<int>(random->index(places)) - augmentation.padding;
      flip = random->chance(0.5) && augmentation.flip;
    }
    for (std::size_t c = 0; c < static_cast<std::size_t>(images.channels); ++c) {
      const std::uint8_t* pixels = image + c * plane;
      const float mean = standardisation.mean[c];
      const float scale = 1.0F / standardisation.deviation[c];
      if (!augmentation.any()) {
        for (std::size_t p = 0; p < plane; ++p) *target++ = (static_cast<float>(pixels[p]) - mean) * scale;
        continue;
      }
      for (int y = 0; y < side; ++y) {
        const int from_y = y + shift_y;
        for (int x = 0; x < side; ++x) {
          const int from_x = (flip ? side - 1 - x : x) + shift_x;
          const bool within = from_y >= 0 && from_y < side && from_x >= 0 && from_x < side;
          const float value = within ? static_cast<float>(pixels[from_y * side + from_x]) : 0.0F;
          *target++ = (value - mean) * scale;
        }
      }
    }
  }
}

ImageParts divide(const ImageDataSet& set, const TrainAndTest& images, int side) {
  ImageParts out;
  for (const DataPart part : kDataParts) {
    out.parts[static_cast<std::size_t>(part)] =
        part == DataPart::test ? downsample(images.test, side)
                               : downsample(take(images.train, part_indices(set.name, images.train.count(), part)), side);
  }
  out.standardisation = standardisation_of(out[DataPart::inner_train]);
  return out;
}

std::shared_ptr<const ImageParts> image_parts(const std::string& name, int side) {
  static std::mutex mutex;
  static std::map<std::string, std::shared_ptr<const ImageParts>> loaded;
  const ImageDataSet& set = image_data_set(name);
  const auto folder = data_folder();
  const std::lock_guard lock(mutex);
  auto& parts = loaded[name + "/" + std::to_string(side) + "/" + folder.string()];
  if (!parts) parts = std::make_shared<const ImageParts>(divide(set, load_images(set, folder), side));
  return parts;
}

}  // namespace scout
