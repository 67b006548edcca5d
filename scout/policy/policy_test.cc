#include "scout/policy/policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <stdexcept>

#include "scout/base/archive.h"
#include "scout/policy/test_policy.h"

namespace scout {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::ThrowsMessage;

Policy small_policy(std::vector<int> hidden = {3}) {
  return *untrained({.hidden = std::move(hidden), .step_scale = 0.25}, 70, {{"seed", 7}, {"problems", {"rastrigin"}}});
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
  EXPECT_EQ(to_json(description.rule), to_json(policy.description().rule));
  EXPECT_EQ(description.rule.hidden, std::vector<int>{3});
  EXPECT_EQ(description.horizon, 70);
  EXPECT_EQ(description.rule.step_scale, 0.25);
  EXPECT_EQ(description.provenance, policy.description().provenance);
  std::filesystem::remove(path);
}

TEST(PolicyFile, KeepsTheOptionsOfTheRule) {
  const RuleOptions options{.rule = "joint", .dimension = 3, .hidden = {4}, .gradient = false, .history = 2};
  const auto loaded = Policy::from_bytes(untrained(options, 10)->to_bytes());
  EXPECT_EQ(loaded->rule()->actor()->actions(), 3);
  EXPECT_EQ(loaded->description().rule.history, 2);
  EXPECT_FALSE(loaded->rule()->observes_gradient());
}

/// A file as version 1 wrote it, of what `policy` has.
std::vector<std::byte> version_1(const Policy& policy, const std::string& form, const std::string& inputs) {
  const RuleOptions& rule = policy.description().rule;
  const nlohmann::json header{
      {"observer", {{"form", form}, {"dimension", rule.dimension}, {"history", rule.history}, {"gradient", rule.gradient}}},
      {"features", inputs},
      {"hidden", rule.hidden},
      {"proposals", rule.proposals},
      {"step_scale", rule.step_scale},
      {"horizon", policy.description().horizon},
      {"provenance", policy.description().provenance}};
  const std::string text = header.dump();
  ArchiveWriter file;
  file.raw("SCOUTPOL", 8);
  file(std::uint32_t{1}), file(static_cast<std::uint32_t>(text.size()));
  file.raw(text.data(), text.size());
  file(policy.parameters()), file(std::uint32_t{0});
  auto bytes = file.take();
  seal(bytes);
  return bytes;
}

TEST(PolicyFile, ReadsVersion1) {
  struct Case {
    RuleOptions rule;
    const char *form, *inputs;
  };
  for (const Case& c :
       {Case{{.hidden = {5}, .gradient = false, .proposals = false}, "coordinatewise", "coordinatewise/3:f,theta,step"},
        Case{{.hidden = {5}}, "coordinatewise", "coordinatewise/3:f,theta,step,gradient"},
        Case{{.rule = "joint", .dimension = 3, .history = 2}, "joint", "joint/1:f,theta,step,gradient:M=3:H=2"},
        Case{{.rule = "weight", .hidden = {6, 6}, .step_scale = 0.03}, "network", "network/2:theta,gradient,loss"}}) {
    const auto policy = untrained(c.rule, 30, {{"seed", 7}});
    const auto old = version_1(*policy, c.form, c.inputs);
    const auto loaded = Policy::from_bytes(old, "p");
    EXPECT_EQ(loaded->to_bytes(), policy->to_bytes()) << c.inputs;
    for (std::size_t size = 1; size < old.size(); ++size) {
      EXPECT_THROW(Policy::from_bytes({old.data(), size}), std::runtime_error) << size;
    }
    auto damaged = old;
    damaged[damaged.size() - 9] ^= std::byte{1};
    EXPECT_THAT(reading(damaged), ThrowsMessage<std::runtime_error>(HasSubstr("damaged: the checksum")));
  }
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
  EXPECT_THAT(reading({}), ThrowsMessage<std::runtime_error>("p: not a policy file: it is empty"));
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
  bytes[8] = std::byte{3};
  seal(bytes);
  EXPECT_THAT(reading(bytes), ThrowsMessage<std::runtime_error>(AllOf(HasSubstr("newer"), HasSubstr("version 3"))));
}

TEST(PolicyFile, NamesBothSignatures) {
  std::vector<std::byte> bytes = small_policy().to_bytes();
  const std::string known = make_rule({})->signature();
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

TEST(PolicyFile, RefusesAHeaderThatIsNestedTooDeeply) {
  const std::string deep(200'000, '[');
  std::vector<std::byte> bytes = untrained({.hidden = {3}}, 70, {{"name", deep}})->to_bytes();
  replace(bytes, '"' + deep + '"', '[' + deep + '[');
  seal(bytes);
  EXPECT_THAT(reading(bytes), ThrowsMessage<std::runtime_error>(HasSubstr("header is not valid: at byte")));
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

TEST(PolicyFile, KeepsAPolicyForWeights) {
  const auto policy = untrained_network_policy();
  const auto loaded = Policy::from_bytes(policy->to_bytes());
  EXPECT_EQ(loaded->parameters(), policy->parameters());
  EXPECT_TRUE(loaded->rule()->for_weights());
  EXPECT_EQ(loaded->to_bytes(), policy->to_bytes());
}

TEST(Policy, RejectsABadDescription) {
  PolicyDescription description = small_policy().description();
  description.rule.step_scale = 0;
  EXPECT_THAT([&] { Policy(description, small_policy().parameters()); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("step_scale")));
  description = small_policy().description();
  description.rule.rule = "coordinates";
  EXPECT_THAT([&] { Policy(description, small_policy().parameters()); },
              ThrowsMessage<std::invalid_argument>(
                  AllOf(HasSubstr("option 'rule' is 'coordinates': must be one of coordinate, control, joint"),
                        HasSubstr(": did you mean 'coordinate'?"))));
  description = small_policy().description();
  description.horizon = 0;
  EXPECT_THAT([&] { Policy(description, small_policy().parameters()); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("horizon")));
}

}  // namespace
}  // namespace scout
