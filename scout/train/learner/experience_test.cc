#include "scout/train/episode/experience.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

namespace scout {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

Trajectory trajectory(int rows, int steps, float first) {
  Trajectory t;
  t.rows = rows, t.features = 3, t.actions = 2, t.terminated = true;
  for (int i = 0; i < (steps + 1) * rows * t.features; ++i) t.states.push_back(first + static_cast<float>(i));
  for (int i = 0; i < steps * rows * t.actions; ++i) t.moves.push_back(-first - static_cast<float>(i));
  for (int i = 0; i < steps * rows; ++i) t.rewards.push_back(0.5F * static_cast<float>(i));
  return t;
}

Experience experience() {
  Experience e{.sequence = 12, .round = 3, .units = 2, .evaluations = 777, .return_sum = -1.5};
  e.policy = {trajectory(2, 4, 1), trajectory(1, 1, 100)};
  e.explorers = {trajectory(3, 2, 7), Trajectory{}};
  e.candidates = {{5, {1, 2, 3}, {-7, std::numeric_limits<double>::infinity()}}, {6, {}, {}}};
  e.ensembles = 1;
  e.summary = {.coordinate_moves = 11,
               .gradient_moves = 22,
               .resets = 3,
               .prunes = 4,
               .coordinates_tried = 5,
               .best_gap_share = 0.25,
               .basins = 2};
  return e;
}

Bytes written(const Experience& e) {
  ArchiveWriter bytes;
  write_experience(bytes, e);
  return bytes.take();
}

Experience read(std::span<const std::byte> content) {
  ArchiveReader bytes(content);
  Experience e = read_experience(bytes);
  bytes.finish();
  return e;
}

TEST(ExperienceBytes, GiveBackWhatWasWritten) {
  const Experience sent = experience();
  const Bytes bytes = written(sent);
  const Experience got = read(bytes);
  EXPECT_EQ(written(got), bytes) << "every field is written and read in the same order";
  EXPECT_EQ(got.sequence, 12);
  EXPECT_EQ(got.evaluations, 777);
  EXPECT_EQ(got.return_sum, -1.5);
  ASSERT_EQ(got.policy.size(), 2U);
  EXPECT_EQ(got.policy[0].states, sent.policy[0].states);
  EXPECT_EQ(got.policy[1].moves, sent.policy[1].moves);
  EXPECT_TRUE(got.policy[0].terminated);
  ASSERT_EQ(got.explorers.size(), 2U);
  EXPECT_EQ(got.explorers[0].rewards, sent.explorers[0].rewards);
  ASSERT_EQ(got.candidates.size(), 2U);
  EXPECT_EQ(got.candidates[0].direction, sent.candidates[0].direction);
  EXPECT_EQ(got.candidates[0].score, sent.candidates[0].score);
  EXPECT_EQ(got.summary.basins, 2);
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
  ArchiveReader reader(bytes);
  std::vector<float> numbers;
  EXPECT_THAT([&] { reader(numbers); }, ThrowsMessage<std::runtime_error>(HasSubstr("longer than the message")));
}

TEST(ExperienceBytes, ArraysThatDoNotFitTheirSizesAreRefused) {
  auto refused = [](auto&& damage) {
    Experience e = experience();
    damage(e.policy[0]);
    EXPECT_THAT([&] { read(written(e)); }, ThrowsMessage<std::runtime_error>(HasSubstr("damaged trajectory")));
  };
  refused([](Trajectory& t) { t.rows = 3; });
  refused([](Trajectory& t) { t.rows = 0; });
  refused([](Trajectory& t) { t.rows = -2; });
  refused([](Trajectory& t) { t.features = 2; });
  refused([](Trajectory& t) { t.actions = 1 << 30; });
  refused([](Trajectory& t) { t.states.pop_back(); });
  refused([](Trajectory& t) { t.moves.push_back(0); });
  refused([](Trajectory& t) { t.rewards.pop_back(); });
}

}  // namespace
}  // namespace scout
