#include "scout/train/learner/rollout.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "scout/base/archive.h"

namespace scout {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

Trajectory trajectory(int coordinates, int steps, float first) {
  Trajectory t;
  t.coordinates = coordinates, t.features = 3, t.action_size = 2, t.terminated = true;
  for (int i = 0; i < (steps + 1) * coordinates * t.features; ++i) t.states.push_back(first + static_cast<float>(i));
  for (int i = 0; i < steps * coordinates * t.action_size; ++i) t.actions.push_back(-first - static_cast<float>(i));
  for (int i = 0; i < steps * coordinates; ++i) t.rewards.push_back(0.5F * static_cast<float>(i));
  return t;
}

Experience experience() {
  Findings found{.return_sum = -1.5, .episodes = 2, .ensembles = 1};
  found.policy = {trajectory(2, 4, 1), trajectory(1, 1, 100)};
  found.explorers = {trajectory(3, 2, 7), Trajectory{}};
  found.candidates = {{5, {1, 2, 3}, {-7, std::numeric_limits<double>::infinity()}}, {6, {}, {}}};
  found.summary = {.coordinate_moves = 11,
                   .gradient_moves = 22,
                   .resets = 3,
                   .prunes = 4,
                   .coordinates_tried = 5,
                   .best_gap_share = 0.25,
                   .basins = 2};
  return {.sequence = 12, .round = 3, .units = 2, .evaluations = 777, .findings = {found, Findings{}}};
}

Bytes written(const Experience& e) {
  ArchiveWriter bytes;
  bytes(e);
  return bytes.take();
}

Experience read(std::span<const std::byte> content) {
  ArchiveReader bytes(content);
  Experience e;
  bytes(e);
  bytes.finish();
  return e;
}

TEST(ExperienceBytes, GiveBackWhatWasWritten) {
  const Experience sent = experience();
  const Bytes bytes = written(sent);
  const Experience got = read(bytes);
  EXPECT_EQ(written(got), bytes) << "every field is written and read in the same order";
  EXPECT_EQ(got.sequence, 12);
  EXPECT_EQ(got.round, 3);
  EXPECT_EQ(got.units, 2);
  EXPECT_EQ(got.evaluations, 777);
  ASSERT_EQ(got.findings.size(), 2U) << "those of each learner";
  const Findings &one = got.findings[0], &other = sent.findings[0];
  EXPECT_EQ(one.return_sum, -1.5);
  EXPECT_EQ(one.episodes, 2);
  EXPECT_EQ(one.ensembles, 1);
  ASSERT_EQ(one.policy.size(), 2U);
  EXPECT_EQ(one.policy[0].states, other.policy[0].states);
  EXPECT_EQ(one.policy[1].actions, other.policy[1].actions);
  EXPECT_TRUE(one.policy[0].terminated);
  ASSERT_EQ(one.explorers.size(), 2U);
  EXPECT_EQ(one.explorers[0].rewards, other.explorers[0].rewards);
  ASSERT_EQ(one.candidates.size(), 2U);
  EXPECT_EQ(one.candidates[0].generation, 5);
  EXPECT_EQ(one.candidates[0].direction, other.candidates[0].direction);
  EXPECT_EQ(one.candidates[0].score, other.candidates[0].score);
  EXPECT_EQ(one.summary.coordinate_moves, 11);
  EXPECT_EQ(one.summary.best_gap_share, 0.25);
  EXPECT_EQ(one.summary.basins, 2);
  EXPECT_TRUE(got.findings[1].policy.empty());
}

TEST(ExperienceBytes, NoTruncationIsTakenForAnExperience) {
  const Bytes bytes = written(experience());
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_THAT([&] { read({bytes.data(), length}); }, ThrowsMessage<std::runtime_error>(HasSubstr("damaged"))) << length;
  }
  Bytes longer = bytes;
  longer.push_back(std::byte{0});
  EXPECT_THAT([&] { read(longer); }, ThrowsMessage<std::runtime_error>(HasSubstr("1 bytes are left over")));
}

TEST(ExperienceBytes, AListLongerThanTheMessageIsRefusedBeforeItIsMade) {
  ArchiveWriter writer;
  writer(std::numeric_limits<std::uint64_t>::max() / 4);
  const Bytes bytes = writer.take();
  const auto read_list = [&] {
    ArchiveReader reader(bytes);
    std::vector<float> numbers;
    reader(numbers);
  };
  EXPECT_THAT(read_list, ThrowsMessage<std::runtime_error>(HasSubstr("longer than the whole")));
}

TEST(ExperienceBytes, ArraysThatDoNotFitTheirSizesAreRefused) {
  auto refused = [](auto&& damage) {
    Experience e = experience();
    damage(e.findings[0].policy[0]);
    EXPECT_THAT([&] { read(written(e)); }, ThrowsMessage<std::runtime_error>(HasSubstr("damaged trajectory")));
  };
  refused([](Trajectory& t) { t.coordinates = 3; });
  refused([](Trajectory& t) { t.coordinates = 0; });
  refused([](Trajectory& t) { t.coordinates = -2; });
  refused([](Trajectory& t) { t.features = 2; });
  refused([](Trajectory& t) { t.action_size = 1 << 30; });
  refused([](Trajectory& t) { t.states.pop_back(); });
  refused([](Trajectory& t) { t.actions.push_back(0); });
  refused([](Trajectory& t) { t.rewards.pop_back(); });
}

}  // namespace
}  // namespace scout
