// A fixed team of threads. Work is split into as many shards as there are threads, always in the same way, so a result
// depends on the number of threads at most, never on timing.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace scout {

/// One process of a job that may have several.
struct RankOf {
  int rank = 0;
  int ranks = 1;
};

/// After fork() the child's copy has threads of its own from its next `run` on. (Not if another thread was in `run`.)
class ThreadTeam {
 public:
  /// `threads` >= 1 including the caller; 0 means one per core.
  explicit ThreadTeam(int threads);
  ~ThreadTeam();
  ThreadTeam(const ThreadTeam&) = delete;
  ThreadTeam& operator=(const ThreadTeam&) = delete;

  int size() const { return size_; }

  /// Calls task(shard) for every shard in [0, size()), shard 0 on the caller, and waits. The first exception (by shard
  /// number) is rethrown here.
  void run(const std::function<void(int shard)>& task);

  /// Calls body(job) for every job in [0, count), in whatever order and on whichever thread is free: for jobs of very
  /// different lengths, each of which writes to a place of its own.
  void for_jobs(int count, const std::function<void(int job)>& body);

 private:
  struct Shared;
  void start_threads();
  bool forked() const;
  void work(Shared& shared, int shard);
  void attempt(const std::function<void(int)>& task, int shard);

  /// What the threads share. A child of fork() has none of the threads, and cannot touch what they may have been using.
  struct Shared {
    std::vector<std::thread> threads;
    std::mutex mutex;
    std::condition_variable start;
    std::condition_variable done;
    const std::function<void(int)>* task = nullptr;
    std::atomic<std::uint64_t> generation{0};
    std::atomic<int> pending{0};
    bool stop = false;
  };

  int size_;
  long process_ = 0;  ///< that the threads live in
  std::vector<std::exception_ptr> errors_;
  std::unique_ptr<Shared> shared_;
};

}  // namespace scout
