#include "scout/data/source.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "scout/base/names.h"
#include "scout/data/generated.h"

namespace scout {
namespace {

constexpr std::size_t kGeneratedTrain = 1024;
constexpr std::size_t kGeneratedOther = 512;

class ImageSource : public ExampleSource {
 public:
  ImageSource(std::shared_ptr<const ImageParts> parts, Augmentation augmentation)
      : ExampleSource(shape_of((*parts)[DataPart::test]), (*parts)[DataPart::test].classes, 1),
        parts_(std::move(parts)),
        augmentation_(augmentation) {}

  std::size_t count(DataPart part) const override { return (*parts_)[part].count(); }

  void read(DataPart part, std::span<const std::uint32_t> indices, Random* random, std::span<float> inputs,
            std::span<std::int32_t> labels) const override {
    const Images& images = (*parts_)[part];
    gather(images, indices, parts_->standardisation, random == nullptr ? Augmentation{} : augmentation_, random, inputs);
    for (std::size_t i = 0; i < indices.size(); ++i) labels[i] = images.labels[indices[i]];
  }

 private:
  static std::vector<int> shape_of(const Images& images) { return {images.channels, images.side, images.side}; }

  std::shared_ptr<const ImageParts> parts_;
  Augmentation augmentation_;
};

class GeneratedSource : public ExampleSource {
 public:
  explicit GeneratedSource(Examples examples)
      : ExampleSource(examples.shape, examples.classes, examples.targets), examples_(std::move(examples)) {}

  std::size_t count(DataPart part) const override {
    return part == DataPart::inner_train ? kGeneratedTrain : kGeneratedOther;
  }

  void read(DataPart part, std::span<const std::uint32_t> indices, Random*, std::span<float> inputs,
            std::span<std::int32_t> labels) const override {
    const std::size_t first =
        part == DataPart::inner_train ? 0 : kGeneratedTrain + (static_cast<std::size_t>(part) - 1) * kGeneratedOther;
    const std::size_t size = input_size();
    const auto per_example = static_cast<std::size_t>(targets());
    for (std::size_t i = 0; i < indices.size(); ++i) {
      const std::size_t example = first + indices[i];
      std::copy_n(&examples_.inputs[example * size], size, &inputs[i * size]);
      std::copy_n(&examples_.labels[example * per_example], per_example, &labels[i * per_example]);
    }
  }

 private:
  Examples examples_;
};

/// Example i is examples i and partner(i) of another source.
class PairSource : public ExampleSource {
 public:
  PairSource(std::shared_ptr<const ExampleSource> source, Seed seed)
      : ExampleSource(shape_of(*source), source->classes() * source->classes(), 1),
        source_(std::move(source)),
        seed_(seed) {}

  std::size_t count(DataPart part) const override { return source_->count(part); }

  void read(DataPart part, std::span<const std::uint32_t> indices, Random* random, std::span<float> inputs,
            std::span<std::int32_t> labels) const override {
    for (std::size_t k = 0; k < indices.size(); ++k) {
      const std::uint32_t i = indices[k];
      Random partner(seed_.derive(static_cast<std::uint64_t>(part)).derive(static_cast<std::uint64_t>(i)));
      const std::array both{i, static_cast<std::uint32_t>(partner.index(count(part)))};
      std::array<std::int32_t, 2> of_both{};
      source_->read(part, both, random, inputs.subspan(k * input_size(), input_size()), of_both);
      labels[k] = of_both[0] * source_->classes() + of_both[1];
    }
  }

 private:
  static std::vector<int> shape_of(const ExampleSource& source) {
    std::vector<int> shape = source.shape();
    shape[0] *= 2;
    return shape;
  }

  std::shared_ptr<const ExampleSource> source_;
  Seed seed_;
};

class NoisyLabels : public ExampleSource {
 public:
  NoisyLabels(std::shared_ptr<const ExampleSource> source, double share, Seed seed)
      : ExampleSource(source->shape(), source->classes(), source->targets()),
        source_(std::move(source)),
        share_(share),
        seed_(seed) {}

  std::size_t count(DataPart part) const override { return source_->count(part); }

  void read(DataPart part, std::span<const std::uint32_t> indices, Random* random, std::span<float> inputs,
            std::span<std::int32_t> labels) const override {
    source_->read(part, indices, random, inputs, labels);
    if (part != DataPart::inner_train) return;
    const auto per_example = static_cast<std::size_t>(targets());
    for (std::size_t k = 0; k < indices.size(); ++k) {
      Random noise(seed_.derive(static_cast<std::uint64_t>(indices[k])));
      for (std::int32_t& label : labels.subspan(k * per_example, per_example)) {
        if (noise.chance(share_)) label = static_cast<std::int32_t>(noise.index(static_cast<std::size_t>(classes())));
      }
    }
  }

 private:
  std::shared_ptr<const ExampleSource> source_;
  double share_;
  Seed seed_;
};

constexpr std::string_view kPairs = "-pairs";

}  // namespace

ExampleSource::ExampleSource(std::vector<int> shape, int classes, int targets)
    : shape_(std::move(shape)), input_size_(1), classes_(classes), targets_(targets) {
  for (const int n : shape_) input_size_ *= static_cast<std::size_t>(n);
}

std::shared_ptr<const ExampleSource> example_source(const std::string& name, int side, bool augment, Seed seed) {
  if (const GeneratedDataSet* generated = find_generated_data_set(name)) {
    Random random(seed.derive("data"));
    return std::make_shared<GeneratedSource>(generated->draw(kGeneratedTrain + 3 * kGeneratedOther, random));
  }
  const auto names = data_set_names();
  if (std::find(names.begin(), names.end(), name) == names.end()) {
    throw std::invalid_argument("unknown data set '" + name + "'" + did_you_mean(nearest_name(name, names)) +
                                " Known data sets: " + join_names(names));
  }
  if (name.ends_with(kPairs)) {
    return pairs_of(example_source(name.substr(0, name.size() - kPairs.size()), side, augment, seed), seed.derive("pairs"));
  }
  auto parts = image_parts(name, side > 0 ? side : image_data_set(name).side);
  const int padding = augment ? (*parts)[DataPart::test].side / 8 : 0;
  return std::make_shared<ImageSource>(std::move(parts), Augmentation{padding, augment});
}

std::shared_ptr<const ExampleSource> pairs_of(std::shared_ptr<const ExampleSource> source, Seed seed) {
  return std::make_shared<PairSource>(std::move(source), seed);
}

std::shared_ptr<const ExampleSource> with_label_noise(std::shared_ptr<const ExampleSource> source, double share, Seed seed) {
  return std::make_shared<NoisyLabels>(std::move(source), share, seed);
}

std::vector<std::string> image_source_names() {
  std::vector<std::string> out;
  for (const auto& set : image_data_sets()) out.push_back(set.name);
  for (const auto& set : image_data_sets()) {
    if (set.classes <= 10) out.push_back(set.name + std::string(kPairs));  // of more classes there are too many pairs
  }
  return out;
}

std::vector<std::string> data_set_names() {
  std::vector<std::string> out;
  for (const auto& set : generated_data_sets()) out.emplace_back(set.name);
  const auto images = image_source_names();
  out.insert(out.end(), images.begin(), images.end());
  return out;
}

}  // namespace scout
