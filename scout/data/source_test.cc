#include "scout/data/source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <numeric>

#include "scout/data/generated.h"

namespace scout {
namespace {

struct Read {
  std::vector<float> inputs;
  std::vector<std::int32_t> labels;
};
Read read_all(const ExampleSource& source, DataPart part) {
  std::vector<std::uint32_t> indices(source.count(part));
  std::iota(indices.begin(), indices.end(), 0U);
  Read out{std::vector<float>(indices.size() * source.input_size()),
           std::vector<std::int32_t>(indices.size() * static_cast<std::size_t>(source.targets()))};
  source.read(part, indices, nullptr, out.inputs, out.labels);
  return out;
}

TEST(ExampleSource, GeneratedSetsAreDeterministicBalancedAndDiffer) {
  for (const auto& set : generated_data_sets()) {
    SCOPED_TRACE(set.name);
    const auto source = example_source(set.name, 0, false, Seed(3));
    const Read train = read_all(*source, DataPart::inner_train);
    EXPECT_EQ(read_all(*example_source(set.name, 0, false, Seed(3)), DataPart::inner_train).inputs, train.inputs);
    EXPECT_NE(read_all(*example_source(set.name, 0, false, Seed(4)), DataPart::inner_train).inputs, train.inputs);
    EXPECT_NE(read_all(*source, DataPart::inner_validation).inputs, read_all(*source, DataPart::outer_validation).inputs);
    std::vector<int> counts(static_cast<std::size_t>(source->classes()));
    for (const auto label : train.labels) ++counts.at(static_cast<std::size_t>(label));
    EXPECT_THAT(counts, testing::Each(testing::Gt(0))) << "every class occurs";
  }
}

TEST(ExampleSource, ParityNeedsEveryCountedBit) {
  Random random(Seed(1));
  const Examples examples = find_generated_data_set("parity")->draw(4000, random);
  int informative = 0;
  for (std::size_t bit = 0; bit < 8; ++bit) {
    // A single bit tells nothing of the label.
    int agree = 0;
    for (std::size_t i = 0; i < examples.labels.size(); ++i)
      agree += (examples.inputs[i * 8 + bit] > 0) == (examples.labels[i] == 1);
    EXPECT_NEAR(agree, 2000, 200);
    // Between two examples that differ in this bit alone the label changes, or the bit does not count.
    std::map<std::vector<float>, int> label;
    for (std::size_t i = 0; i < examples.labels.size(); ++i) {
      label[{examples.inputs.begin() + static_cast<std::ptrdiff_t>(i * 8),
             examples.inputs.begin() + static_cast<std::ptrdiff_t>(i * 8 + 8)}] = examples.labels[i];
    }
    std::vector<float> word(8, 1.0F);
    const int before = label.at(word);
    word[bit] = -1.0F;
    informative += label.at(word) != before;
  }
  EXPECT_EQ(informative, 6);
}

TEST(ExampleSource, SequencesAreWhatTheySay) {
  const auto recall = example_source("recall", 0, false, Seed(5));
  EXPECT_EQ(recall->targets(), 1);
  EXPECT_EQ(recall->shape(), (std::vector<int>{12, 4}));
  const Read one = read_all(*recall, DataPart::test);
  for (std::size_t i = 0; i < recall->count(DataPart::test); ++i) {
    EXPECT_EQ(one.inputs[i * recall->input_size() + static_cast<std::size_t>(one.labels[i])], 1.0F);
  }
  const auto markov = example_source("markov", 0, false, Seed(5));
  EXPECT_EQ(markov->targets(), 16);
  const Read many = read_all(*markov, DataPart::inner_train);
  for (std::size_t i = 0; i < markov->count(DataPart::inner_train); ++i) {
    for (std::size_t t = 0; t + 1 < 16; ++t) {  // the label is the next symbol
      const auto label = static_cast<std::size_t>(many.labels[i * 16 + t]);
      ASSERT_EQ(many.inputs[i * markov->input_size() + (t + 1) * 6 + label], 1.0F);
    }
  }
}

/// Examples of one number, their own; its class is its last bit.
class Numbers : public ExampleSource {
 public:
  Numbers() : ExampleSource({1, 1, 1}, 2, 1) {}
  std::size_t count(DataPart) const override { return 1000; }
  void read(DataPart, std::span<const std::uint32_t> indices, Random*, std::span<float> inputs,
            std::span<std::int32_t> labels) const override {
    for (std::size_t k = 0; k < indices.size(); ++k) {
      inputs[k] = static_cast<float>(indices[k]);
      labels[k] = static_cast<std::int32_t>(indices[k] % 2);
    }
  }
};

TEST(ExampleSource, PairsHaveBothImagesAndBothClasses) {
  const auto pairs = pairs_of(std::make_shared<Numbers>(), Seed(1));
  EXPECT_EQ(pairs->shape(), (std::vector<int>{2, 1, 1}));
  EXPECT_EQ(pairs->classes(), 4);
  const Read train = read_all(*pairs, DataPart::inner_train);
  std::vector<int> counts(4);
  for (std::size_t i = 0; i < 1000; ++i) {
    EXPECT_EQ(train.inputs[2 * i], static_cast<float>(i));
    const auto partner = static_cast<int>(train.inputs[2 * i + 1]);
    EXPECT_EQ(train.labels[i], static_cast<int>(i % 2) * 2 + partner % 2);
    ++counts[static_cast<std::size_t>(train.labels[i])];
  }
  EXPECT_THAT(counts, testing::Each(testing::Gt(200)));
  EXPECT_EQ(read_all(*pairs, DataPart::inner_train).inputs, train.inputs) << "partners stay together";
  EXPECT_NE(read_all(*pairs_of(std::make_shared<Numbers>(), Seed(2)), DataPart::inner_train).inputs, train.inputs);
  const Read twice = read_all(*pairs_of(pairs, Seed(3)), DataPart::inner_train);
  for (std::size_t i = 0; i < 1000; ++i) {
    const auto partner = static_cast<std::size_t>(twice.inputs[4 * i + 2]);
    EXPECT_EQ(twice.inputs[4 * i + 3], train.inputs[2 * partner + 1]) << "the partner comes with its own";
    EXPECT_EQ(twice.labels[i], train.labels[i] * 4 + train.labels[partner]);
  }
}

TEST(ExampleSource, LabelNoiseIsPermanentAndInTrainingOnly) {
  const auto clean = std::make_shared<Numbers>();
  const auto noisy = with_label_noise(clean, 0.4, Seed(1));
  const Read train = read_all(*noisy, DataPart::inner_train);
  int wrong = 0;
  for (std::size_t i = 0; i < 1000; ++i) wrong += train.labels[i] != static_cast<int>(i % 2);
  EXPECT_NEAR(wrong, 200, 50) << "half of the random labels are right by chance";
  EXPECT_EQ(read_all(*noisy, DataPart::inner_train).labels, train.labels);
  EXPECT_EQ(train.inputs, read_all(*clean, DataPart::inner_train).inputs);
  EXPECT_EQ(read_all(*noisy, DataPart::outer_validation).labels, read_all(*clean, DataPart::outer_validation).labels);
}

TEST(ExampleSource, UnknownNamesAreAnswered) {
  try {
    example_source("fashion", 0, false, Seed(1));
    FAIL();
  } catch (const std::invalid_argument& error) {
    EXPECT_THAT(error.what(), testing::AllOf(testing::HasSubstr("spirals"), testing::HasSubstr("fashion-mnist")));
  }
}

TEST(ExampleSource, OfficialImagesAreStandardisedAndSmall) {
  if (!is_present(image_data_set("fashion-mnist"), data_folder())) {
    GTEST_SKIP() << "no fashion-mnist in " << data_folder() << ": set SCOUT_DATA, or `scout data fetch fashion-mnist`";
  }
  EXPECT_EQ(example_source("fashion-mnist-pairs", 8, false, Seed(1))->classes(), 100);
  const auto source = example_source("fashion-mnist", 8, false, Seed(1));
  EXPECT_EQ(source->shape(), (std::vector<int>{1, 8, 8}));
  EXPECT_EQ(source->count(DataPart::inner_train), 48000U);
  EXPECT_EQ(source->count(DataPart::test), 10000U);
  const Read train = read_all(*source, DataPart::inner_train);
  double sum = 0;
  double square = 0;
  for (const float x : train.inputs) {
    sum += x;
    square += x * x;
  }
  EXPECT_NEAR(sum / static_cast<double>(train.inputs.size()), 0, 1e-3);
  EXPECT_NEAR(square / static_cast<double>(train.inputs.size()), 1, 1e-3);
  const auto again = example_source("fashion-mnist", 8, true, Seed(2));
  Random random(Seed(3));
  std::vector<float> image(64);
  std::vector<std::int32_t> label(1);
  again->read(DataPart::inner_train, std::vector<std::uint32_t>{5}, &random, image, label);
  EXPECT_EQ(label[0], train.labels[5]);
}

}  // namespace
}  // namespace scout
