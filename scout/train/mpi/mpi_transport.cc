// The ranks of an MPI job. The only file that knows MPI: it is built into a module of its own, which the program loads when
// it was started as one rank of several (scout/cli/launch.cc).
//
// One thread per rank makes every call to MPI and moves messages between the wire and the mailboxes, so that the thread that
// computes never waits for a message to be taken, and messages move on while it computes.
#include <mpi.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <future>
#include <limits>
#include <list>
#include <stdexcept>
#include <thread>

#include "scout/train/ranks/transport.h"

namespace scout {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

enum Tag : int { kMessage = 1, kSignOfLife = 2 };
constexpr auto kLeastNap = 50us;
constexpr auto kLongestNap = 2000us;  // short beside a rollout, long beside a look for messages
constexpr auto kSignEvery = 1s;
constexpr auto kAbortWait = 2s;

void check(int code, const char* what) {
  if (code == MPI_SUCCESS) return;
  std::string text(MPI_MAX_ERROR_STRING, '\0');
  int length = 0;
  MPI_Error_string(code, text.data(), &length);
  text.resize(static_cast<std::size_t>(length));
  throw std::runtime_error(std::string("MPI: ") + what + " failed: " + text);
}

bool done(MPI_Request& request, const char* what) {
  int flag = 0;
  check(MPI_Test(&request, &flag, MPI_STATUS_IGNORE), what);
  return flag != 0;
}

class MpiTransport : public Transport {
 public:
  explicit MpiTransport(int expected_ranks) {
    auto ready = ready_.get_future();
    pump_ = std::thread([this, expected_ranks] { run(expected_ranks); });
    try {
      ready.get();
    } catch (...) {
      pump_.join();
      throw;
    }
  }
  ~MpiTransport() override {
    if (!pump_.joinable()) return;
    if (!closing_) give_up(1);  // leaving the job like this would leave the others waiting
    pump_.join();
  }

  int rank() const override { return rank_; }
  int ranks() const override { return ranks_; }
  void send(int to, Bytes bytes) override {
    if (bytes.size() > static_cast<std::size_t>(std::numeric_limits<int>::max())) {
      throw std::length_error("a message of 2 GiB or more: use fewer threads a rank, or smaller episodes");
    }
    fail_if_broken();
    outbox_.put({to, std::move(bytes)});
  }
  std::optional<Message> receive() override {
    auto message = inbox_.take();
    if (!message) fail_if_broken();
    return message;
  }
  void wait(std::chrono::milliseconds limit) override { inbox_.wait(limit); }
  double silence(int rank) const override {
    if (rank == rank_) return 0;
    const auto heard = heard_[static_cast<std::size_t>(rank)].load(std::memory_order_relaxed);
    return std::chrono::duration<double>(Clock::now().time_since_epoch() - Clock::duration(heard)).count();
  }

  void close(double timeout) override {
    close_timeout_ = timeout;
    closing_ = true;
    pump_.join();
    fail_if_broken();
  }
  [[noreturn]] void abort(int exit_code) override { give_up(exit_code); }

 private:
  /// A message on its way out.
  struct Outgoing {
    Bytes bytes;
    MPI_Request request = MPI_REQUEST_NULL;
  };

  [[noreturn]] void give_up(int exit_code) {
    exit_code_ = exit_code;
    aborting_ = true;
    std::this_thread::sleep_for(kAbortWait);  // MPI_Abort ends this process; if the thread hangs, do it here
    _exit(exit_code);
  }

  void fail_if_broken() const {
    if (broken_.load(std::memory_order_acquire)) std::rethrow_exception(error_);
  }

  /// The life of the thread that owns MPI.
  void run(int expected_ranks) {
    try {
      start(expected_ranks);
    } catch (...) {
      return ready_.set_exception(std::current_exception());
    }
    ready_.set_value();
    try {
      pump();
      check(MPI_Finalize(), "MPI_Finalize");
    } catch (...) {
      error_ = std::current_exception();
      broken_.store(true, std::memory_order_release);
      while (!aborting_ && !closing_) std::this_thread::sleep_for(kLongestNap);
      if (aborting_) MPI_Abort(MPI_COMM_WORLD, exit_code_);
    }
  }

  void start(int expected_ranks) {
    int provided = 0;
    check(MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &provided), "MPI_Init_thread");
    if (provided < MPI_THREAD_FUNNELED) throw std::runtime_error("MPI: this library is built without support for threads");
    check(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
    check(MPI_Comm_rank(MPI_COMM_WORLD, &rank_), "MPI_Comm_rank");
    check(MPI_Comm_size(MPI_COMM_WORLD, &ranks_), "MPI_Comm_size");
    if (ranks_ != expected_ranks) {
      throw std::runtime_error("started as one of " + std::to_string(expected_ranks) + " ranks, but MPI sees " +
                               std::to_string(ranks_) + ": under Slurm use srun --mpi=pmix, or mpirun");
    }
    heard_ = std::vector<std::atomic<Clock::rep>>(static_cast<std::size_t>(ranks_));
    for (int rank = 0; rank < ranks_; ++rank) hear(rank);
  }

  void pump() {
    std::chrono::microseconds nap = kLeastNap;
    MPI_Request all_closing = MPI_REQUEST_NULL;
    bool said_closing = false;
    for (;;) {
      if (aborting_) {
        MPI_Abort(MPI_COMM_WORLD, exit_code_);
        return;
      }
      const bool closing = closing_;  // read before the outbox: what was sent before closing is in it
      bool moved = send_waiting();
      moved |= receive_waiting();
      give_sign_of_life();
      if (closing && outgoing_.empty() && !said_closing) {
        check(MPI_Ibarrier(MPI_COMM_WORLD, &all_closing), "MPI_Ibarrier");
        said_closing = true;
      }
      if (said_closing && done(all_closing, "MPI_Test")) return;
      if (closing) look_for_silence();
      nap = moved ? kLeastNap : std::min<std::chrono::microseconds>(2 * nap, kLongestNap);
      std::this_thread::sleep_for(nap);
    }
  }

  bool send_waiting() {
    bool moved = false;
    while (auto message = outbox_.take()) {
      post(message->from, std::move(message->bytes), kMessage);
      moved = true;
    }
    std::erase_if(outgoing_, [](Outgoing& message) { return done(message.request, "sending"); });
    return moved || !outgoing_.empty();
  }

  void post(int to, Bytes bytes, Tag tag) {
    outgoing_.push_back({std::move(bytes)});
    Outgoing& message = outgoing_.back();
    check(MPI_Isend(message.bytes.data(), static_cast<int>(message.bytes.size()), MPI_BYTE, to, tag, MPI_COMM_WORLD,
                    &message.request),
          "sending");
  }

  bool receive_waiting() {
    bool moved = false;
    for (;;) {
      int found = 0;
      MPI_Message handle = MPI_MESSAGE_NULL;
      MPI_Status status;
      check(MPI_Improbe(MPI_ANY_SOURCE, MPI_ANY_TAG, MPI_COMM_WORLD, &found, &handle, &status), "MPI_Improbe");
      if (found == 0) return moved;
      int count = 0;
      check(MPI_Get_count(&status, MPI_BYTE, &count), "MPI_Get_count");
      Bytes bytes(static_cast<std::size_t>(count));
      check(MPI_Mrecv(bytes.data(), count, MPI_BYTE, &handle, &status), "receiving");
      hear(status.MPI_SOURCE);
      if (status.MPI_TAG == kMessage) inbox_.put({status.MPI_SOURCE, std::move(bytes)});
      moved = true;
    }
  }

  /// Actors and learner talk to each other, actors not among themselves.
  void for_partners(const auto& body) const {
    if (rank_ != 0) return body(0);
    for (int rank = 1; rank < ranks_; ++rank) body(rank);
  }

  void give_sign_of_life() {
    const auto now = Clock::now();
    if (now - last_sign_ < kSignEvery) return;
    last_sign_ = now;
    for_partners([&](int rank) { post(rank, {}, kSignOfLife); });
  }

  /// A rank that is gone would never join the barrier.
  void look_for_silence() const {
    for_partners([&](int rank) {
      if (silence(rank) > close_timeout_) throw_silent_at_close(rank, silence(rank));
    });
  }

  void hear(int rank) {
    heard_[static_cast<std::size_t>(rank)].store(Clock::now().time_since_epoch().count(), std::memory_order_relaxed);
  }

  int rank_ = 0;
  int ranks_ = 1;
  std::promise<void> ready_;
  Mailbox inbox_;
  Mailbox outbox_;  // `from` is where a message goes
  std::list<Outgoing> outgoing_;
  std::vector<std::atomic<Clock::rep>> heard_;
  Clock::time_point last_sign_{};
  double close_timeout_ = 0;  // set before closing_
  std::atomic<bool> closing_{false};
  std::atomic<bool> aborting_{false};
  std::atomic<int> exit_code_{1};
  std::exception_ptr error_;
  std::atomic<bool> broken_{false};
  std::thread pump_;
};

}  // namespace
}  // namespace scout

/// The module's door: the caller owns what it returns.
extern "C" scout::Transport* scout_mpi_transport(int expected_ranks) { return new scout::MpiTransport(expected_ranks); }
