#include "scout/base/parallel.h"

#include <gtest/gtest.h>

#include <numeric>
#include <stdexcept>
#include <string>
#include <utility>

namespace scout {
namespace {

TEST(ThreadTeam, EveryShardRunsOnce) {
  for (int threads : {1, 2, 5}) {
    ThreadTeam team(threads);
    ASSERT_EQ(team.size(), threads);
    for (int round = 0; round < 200; ++round) {
      std::vector<int> ran(static_cast<std::size_t>(threads));
      team.run([&](int shard) { ++ran[static_cast<std::size_t>(shard)]; });
      EXPECT_EQ(ran, std::vector<int>(static_cast<std::size_t>(threads), 1));
    }
  }
}

TEST(ThreadTeam, ZeroMeansOnePerCore) {
  EXPECT_EQ(ThreadTeam(0).size(), std::max(1, static_cast<int>(std::thread::hardware_concurrency())));
}

TEST(ThreadTeam, FirstShardRunsOnTheCaller) {
  ThreadTeam team(3);
  std::vector<std::thread::id> ids(3);
  team.run([&](int shard) { ids[static_cast<std::size_t>(shard)] = std::this_thread::get_id(); });
  EXPECT_EQ(ids[0], std::this_thread::get_id());
  EXPECT_NE(ids[1], ids[0]);
}

TEST(ThreadTeam, FirstErrorByShardIsRethrownAndTheTeamLivesOn) {
  ThreadTeam team(4);
  for (int round = 0; round < 20; ++round) {
    try {
      team.run([](int shard) {
        if (shard > 0) throw std::runtime_error("shard " + std::to_string(shard));
      });
      FAIL() << "nothing was thrown";
    } catch (const std::runtime_error& error) {
      EXPECT_STREQ(error.what(), "shard 1");
    }
    EXPECT_NO_THROW(team.run([](int) {}));
  }
}

TEST(ThreadTeam, JobsAreDoneOnceEach) {
  for (const int threads : {1, 3}) {
    ThreadTeam team(threads);
    for (const int count : {0, 1, 100}) {
      std::vector<std::atomic<int>> done(static_cast<std::size_t>(count));
      team.for_jobs(count, [&](int job) { ++done.at(static_cast<std::size_t>(job)); });
      for (const auto& times : done) EXPECT_EQ(times, 1);
    }
    EXPECT_THROW(team.for_jobs(5,
                               [](int job) {
                                 if (job == 3) throw std::runtime_error("job");
                               }),
                 std::runtime_error);
  }
}

TEST(ThreadTeam, ErrorOnTheCallerWaitsForTheOthers) {
  ThreadTeam team(3);
  std::atomic<int> finished{0};
  EXPECT_THROW(team.run([&](int shard) {
    if (shard == 0) throw std::invalid_argument("caller");
    ++finished;
  }),
               std::invalid_argument);
  EXPECT_EQ(finished, 2);
}

}  // namespace
}  // namespace scout
