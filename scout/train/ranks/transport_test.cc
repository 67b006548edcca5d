#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "scout/train/ranks/test_transport.h"

namespace scout {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::ThrowsMessage;

constexpr double kTimeout = 60;

Bytes number(int value) {
  ArchiveWriter bytes;
  bytes(value);
  return bytes.take();
}

int value_of(const Message& message) {
  ArchiveReader bytes(message.bytes);
  int value = 0;
  bytes(value);
  bytes.finish();
  return value;
}

TEST(LocalTransport, MessagesArriveWholeAndInTheOrderOfEachSender) {
  constexpr int kMessages = 500;
  auto ends = local_transports(4);
  std::vector<std::thread> threads;
  for (int rank = 1; rank < 4; ++rank) {
    threads.emplace_back([&, rank] {
      Transport& own = *ends[static_cast<std::size_t>(rank)];
      for (int k = 0; k < kMessages; ++k) own.send(0, number(k));
      int expected = 0;
      while (expected < kMessages) {
        own.wait(100ms);
        while (auto message = own.receive()) {
          EXPECT_EQ(message->from, 0);
          EXPECT_EQ(value_of(*message), expected++);
        }
      }
      own.close(kTimeout);
    });
  }
  std::vector<int> next(4, 0);
  for (int received = 0; received < 3 * kMessages;) {
    ends[0]->wait(100ms);
    while (auto message = ends[0]->receive()) {
      const int k = value_of(*message);
      EXPECT_EQ(k, next[static_cast<std::size_t>(message->from)]++);
      ends[0]->send(message->from, number(k));
      ++received;
    }
  }
  ends[0]->close(kTimeout);
  for (auto& thread : threads) thread.join();
  EXPECT_FALSE(ends[0]->receive());
}

TEST(LocalTransport, AnEndThatIsGoneIsSilentAndAClosedOneIsNot) {
  auto ends = local_transports(2);
  EXPECT_EQ(ends[0]->silence(1), 0);
  ends[1].reset();
  EXPECT_GT(ends[0]->silence(1), 1e9);

  ends = local_transports(2);
  std::thread other([&] {
    ends[1]->close(kTimeout);
    ends[1].reset();
  });
  ends[0]->close(kTimeout);
  other.join();
  EXPECT_EQ(ends[0]->silence(1), 0);
}

TEST(LocalTransport, ClosingDoesNotWaitForARankThatIsGone) {
  auto ends = local_transports(3);
  ends[2].reset();
  EXPECT_THAT([&] { ends[0]->close(kTimeout); }, ThrowsMessage<std::runtime_error>(HasSubstr("rank 2 has been silent")));
}

TEST(LocalTransport, AbortEndsEveryRank) {
  auto ends = local_transports(3);
  std::vector<std::thread> threads;
  std::atomic<int> ended{0};
  for (int rank : {1, 2}) {
    threads.emplace_back([&, rank] {
      try {
        for (;;) {
          ends[static_cast<std::size_t>(rank)]->receive();
          ends[static_cast<std::size_t>(rank)]->wait(5ms);
        }
      } catch (const LocalAbort& abort) {
        EXPECT_EQ(abort.exit_code, 7);
        ++ended;
      }
    });
  }
  EXPECT_THROW(ends[0]->abort(7), LocalAbort);
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(ended, 2);
}

}  // namespace
}  // namespace scout
