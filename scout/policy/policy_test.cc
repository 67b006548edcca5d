#include "scout/policy/policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <stdexcept>

#include "scout/optimizer/test_policy.h"

namespace scout {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::ThrowsMessage;

Policy small_policy(std::vector<int> hidden = {3}) {
  PolicyDescription description;
  description.hidden = std::move(hidden);
  description.horizon = 70;
  description.step_scale = 0.25;
  description.provenance = {{"seed", 7}, {"problems", {"rastrigin"}}};
  Random random(Seed(1));
  const Actor actor(description.observer, description.hidden, description.proposals);
  return Policy(description, actor.initial_parameters(random));
}

auto reading(std::vector<std::byte> bytes) {
  return [bytes = std::move(bytes)] { Policy::from_bytes(bytes, "p"); };
}

void seal(std::vector<std::byte>& bytes) {  // sets the checksum
  const std::size_t end = bytes.size() - 4;
  const auto sum = static_cast<std::uint32_t>(crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), end));
  std::memcpy(bytes.data() + end, &sum, 4);
}

void replace(std::vector<std::byte>& bytes, const std::string& from, const std::string& to) {  // of equal length
  std::string text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  text.replace(text.find(from), from.size(), to);
  std::memcpy(bytes.data(), text.data(), text.size());
}

TEST(PolicyFile, KeepsEverything) {
  const Policy policy = small_policy();
  const auto path = (std::filesystem::temp_directory_path() / "scout_policy_test.scout").string();
  policy.save(path);
  const auto loaded = Policy::load(path);
  EXPECT_EQ(loaded->parameters(), policy.parameters());
  EXPECT_EQ(loaded->to_bytes(), policy.to_bytes());
  const PolicyDescription& description = loaded->description();
  EXPECT_EQ(description.observer.form, "coordinatewise");
  EXPECT_TRUE(description.observer.gradient);
  EXPECT_EQ(description.hidden, std::vector<int>{3});
  EXPECT_TRUE(description.proposals);
  EXPECT_EQ(description.horizon, 70);
  EXPECT_EQ(description.step_scale, 0.25);
  EXPECT_EQ(description.provenance, policy.description().provenance);
  std::filesystem::remove(path);
}

TEST(PolicyFile, KeepsTheJointForm) {
  PolicyDescription description;
  description.observer = {.form = "joint", .dimension = 3, .history = 2, .gradient = false};
  description.hidden = {4};
  description.proposals = false;
  Random random(Seed(1));
  const Actor actor(description.observer, description.hidden, description.proposals);
  const auto loaded = Policy::from_bytes(Policy(description, actor.initial_parameters(random)).to_bytes());
  EXPECT_EQ(loaded->actor().actions(), 3);
  EXPECT_EQ(loaded->description().observer.history, 2);
  EXPECT_FALSE(loaded->description().observer.gradient);
}

TEST(PolicyFile, SavingLeavesNoTemporaryFileAndFailsByName) {
  const auto folder = std::filesystem::temp_directory_path() / "scout_policy_test";
  std::filesystem::create_directory(folder);
  small_policy().save((folder / "a").string());
  small_policy().save((folder / "a").string());
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder), {}), 1);
  EXPECT_THAT([&] { small_policy().save((folder / "none" / "a").string()); },
              ThrowsMessage<std::runtime_error>(AllOf(HasSubstr("none/a"), HasSubstr("No such file"))));
  EXPECT_THAT([&] { Policy::load((folder / "b").string()); },
              ThrowsMessage<std::runtime_error>(AllOf(HasSubstr("scout_policy_test/b"), HasSubstr("No such file"))));
  EXPECT_THROW(Policy::load(folder.string()), std::runtime_error);
  std::filesystem::remove_all(folder);
}

TEST(PolicyFile, SaysThatItIsNoPolicyFile) {
  const std::string text = "PNG and so on, long enough to be something";
  std::vector<std::byte> bytes(text.size());
  std::memcpy(bytes.data(), text.data(), text.size());
  EXPECT_THAT(reading(bytes), ThrowsMessage<std::runtime_error>("p: not a policy file"));
  EXPECT_THAT(reading({}), ThrowsMessage<std::runtime_error>("p: not a policy file"));
}

TEST(PolicyFile, SaysThatItIsTruncatedAtEveryLength) {
  const std::vector<std::byte> whole = small_policy({1}).to_bytes();
  for (std::size_t size = 1; size < whole.size(); ++size) {
    EXPECT_THAT(
        reading({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)}),
        ThrowsMessage<std::runtime_error>(AllOf(HasSubstr("truncated"), HasSubstr("found " + std::to_string(size)))));
  }
  EXPECT_THAT(reading({whole.begin(), whole.end() - 1}),
              ThrowsMessage<std::runtime_error>(HasSubstr("expected " + std::to_string(whole.size()))));
}

TEST(PolicyFile, NoticesEveryChangedByte) {
  const std::vector<std::byte> whole = small_policy({1}).to_bytes();
  for (std::size_t i = 0; i < whole.size(); ++i) {
    std::vector<std::byte> bytes = whole;
    bytes[i] ^= std::byte{0x11};
    EXPECT_THROW(Policy::from_bytes(bytes), std::runtime_error) << "byte " << i;
  }
  std::vector<std::byte> bytes = whole;
  bytes[bytes.size() - 20] ^= std::byte{1};  // a weight
  EXPECT_THAT(reading(bytes), ThrowsMessage<std::runtime_error>(HasSubstr("damaged: the checksum")));
  bytes = whole;
  bytes[40] ^= std::byte{1};  // the header
  EXPECT_THAT(reading(bytes), ThrowsMessage<std::runtime_error>(HasSubstr("damaged: the checksum")));
  bytes = whole;
  bytes.push_back(std::byte{0});
  EXPECT_THAT(reading(bytes), ThrowsMessage<std::runtime_error>(HasSubstr("damaged: expected")));
}

TEST(PolicyFile, NamesANewerFormat) {
  std::vector<std::byte> bytes = small_policy().to_bytes();
  bytes[8] = std::byte{2};
  seal(bytes);
  EXPECT_THAT(reading(bytes), ThrowsMessage<std::runtime_error>(AllOf(HasSubstr("newer"), HasSubstr("version 2"))));
}

TEST(PolicyFile, NamesBothFeatureSignatures) {
  std::vector<std::byte> bytes = small_policy().to_bytes();
  const std::string known = feature_signature({});
  std::string other = known;
  other.replace(0, 5, "other");
  replace(bytes, "\"" + known, "\"" + other);
  seal(bytes);
  EXPECT_THAT(reading(bytes), ThrowsMessage<std::runtime_error>(AllOf(HasSubstr(known), HasSubstr(other))));
}

TEST(PolicyFile, NamesAnInvalidHeader) {
  std::vector<std::byte> bytes = small_policy().to_bytes();
  replace(bytes, "\"hidden\"", "\"hodden\"");
  seal(bytes);
  EXPECT_THAT(reading(bytes), ThrowsMessage<std::runtime_error>(AllOf(HasSubstr("header"), HasSubstr("hidden"))));
  bytes = small_policy().to_bytes();
  replace(bytes, "\"hidden\"", "(hidden\"");
  seal(bytes);
  EXPECT_THAT(reading(bytes), ThrowsMessage<std::runtime_error>(HasSubstr("header is not valid")));
}

TEST(PolicyFile, NamesAWrongParameterCount) {
  std::vector<std::byte> bytes = small_policy({3}).to_bytes();
  replace(bytes, "\"hidden\":[3]", "\"hidden\":[4]");
  seal(bytes);
  const auto found = std::to_string(small_policy({3}).parameters().size());
  const auto needed = std::to_string(small_policy({4}).parameters().size());
  EXPECT_THAT(reading(bytes), ThrowsMessage<std::runtime_error>(
                                  AllOf(HasSubstr("has " + found + " parameters"), HasSubstr("needs " + needed))));
}

TEST(PolicyFile, NamesWeightsThatAreNotFinite) {
  std::vector<std::byte> bytes = small_policy().to_bytes();
  const float bad = std::numeric_limits<float>::quiet_NaN();
  std::memcpy(bytes.data() + bytes.size() - 8, &bad, 4);
  seal(bytes);
  const auto last = std::to_string(small_policy().parameters().size() - 1);
  EXPECT_THAT(reading(bytes), ThrowsMessage<std::runtime_error>(HasSubstr("parameter " + last + " is not finite")));
}

TEST(PolicyFile, KeepsANetworkPolicy) {
  const auto policy = untrained_network_policy();
  const auto loaded = Policy::from_bytes(policy->to_bytes());
  EXPECT_EQ(loaded->parameters(), policy->parameters());
  EXPECT_EQ(loaded->description().observer.form, "network");
  EXPECT_EQ(loaded->weight_rule().parameter_count(), policy->parameters().size());
  EXPECT_EQ(loaded->to_bytes(), policy->to_bytes());
  EXPECT_THAT([&] { make_observer(loaded->description().observer, 3); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("LearnedOptimizer")));
}

TEST(Policy, RejectsABadDescription) {
  PolicyDescription description = small_policy().description();
  description.step_scale = 0;
  EXPECT_THAT([&] { Policy(description, small_policy().parameters()); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("step_scale")));
  description = small_policy().description();
  description.observer.form = "round";
  EXPECT_THAT([&] { Policy(description, small_policy().parameters()); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("observer.form")));
}

}  // namespace
}  // namespace scout
