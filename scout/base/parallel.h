// A fixed team of threads. Work is split into as many shards as there are threads, always in the same way, so a result
// depends on the number of threads at most, never on timing.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace scout {

/// One process of a job that may have several.
struct RankOf {
  int rank = 0;
  int ranks = 1;
};

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
  void work(int shard);
  void attempt(const std::function<void(int)>& task, int shard);

  int size_;
  std::vector<std::thread> threads_;
  std::vector<std::exception_ptr> errors_;
  std::mutex mutex_;
  std::condition_variable start_;
  std::condition_variable done_;
  const std::function<void(int)>* task_ = nullptr;
  std::atomic<std::uint64_t> generation_{0};
  std::atomic<int> pending_{0};
  bool stop_ = false;
};

}  // namespace scout
