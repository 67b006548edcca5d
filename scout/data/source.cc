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
    throw std::invalid_argument("unknown data set '" + name + "': did you mean '" + nearest_name(name, names) +
                                "'? Known data sets: " + join_names(names));
  }
  auto parts = image_parts(name, side > 0 ? side : image_data_set(name).side);
  const int padding = augment ? (*parts)[DataPart::test].side / 8 : 0;
  return std::make_shared<ImageSource>(std::move(parts), Augmentation{padding, augment});
}

std::vector<std::string> data_set_names() {
  std::vector<std::string> out;
  for (const auto& set : generated_data_sets()) out.emplace_back(set.name);
  for (const auto& set : image_data_sets()) out.push_back(set.name);
  return out;
}

}  // namespace scout
