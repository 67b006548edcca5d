#include "scout/base/parallel.h"

#include <unistd.h>

#include <algorithm>

namespace scout {
namespace {

/// Shards of a DDPG update last milliseconds, a futex wake-up tens of microseconds: spin a little before sleeping.
constexpr int kSpins = 2000;

inline void pause() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#endif
}

}  // namespace

ThreadTeam::ThreadTeam(int threads)
    : size_(threads > 0 ? threads : std::max(1, static_cast<int>(std::thread::hardware_concurrency()))),
      errors_(static_cast<std::size_t>(size_)) {
  start_threads();
}

ThreadTeam::~ThreadTeam() {
  if (forked()) {
    static_cast<void>(shared_.release());  // lost: to destroy it would wait for threads that are not there
    return;
  }
  {
    std::lock_guard lock(shared_->mutex);
    shared_->stop = true;
    ++shared_->generation;
  }
  shared_->start.notify_all();
  for (auto& thread : shared_->threads) thread.join();
}

void ThreadTeam::start_threads() {
  if (forked()) static_cast<void>(shared_.release());  // lost, as above
  process_ = getpid();
  shared_ = std::make_unique<Shared>();
  for (int shard = 1; shard < size_; ++shard) {
    shared_->threads.emplace_back([this, &shared = *shared_, shard] { work(shared, shard); });
  }
}

bool ThreadTeam::forked() const { return shared_ != nullptr && process_ != getpid(); }

void ThreadTeam::work(Shared& shared, int shard) {
  std::uint64_t seen = 0;
  for (;;) {
    for (int i = 0; i < kSpins && shared.generation.load(std::memory_order_acquire) == seen; ++i) pause();
    const std::function<void(int)>* task;
    {
      std::unique_lock lock(shared.mutex);
      shared.start.wait(lock, [&] { return shared.generation.load() != seen; });
      if (shared.stop) return;
      seen = shared.generation.load();
      task = shared.task;
    }
    attempt(*task, shard);
    if (shared.pending.fetch_sub(1, std::memory_order_acq_rel) == 1) {
      std::lock_guard lock(shared.mutex);
      shared.done.notify_one();
    }
  }
}

void ThreadTeam::attempt(const std::function<void(int)>& task, int shard) {
  try {
    task(shard);
  } catch (...) {
    errors_[static_cast<std::size_t>(shard)] = std::current_exception();
  }
}

void ThreadTeam::run(const std::function<void(int)>& task) {
  if (size_ == 1) return task(0);
  if (forked()) start_threads();
  Shared& shared = *shared_;
  std::fill(errors_.begin(), errors_.end(), nullptr);
  {
    std::lock_guard lock(shared.mutex);
    shared.task = &task;
    shared.pending.store(size_ - 1);
    ++shared.generation;
  }
  shared.start.notify_all();
  attempt(task, 0);
  for (int i = 0; i < kSpins && shared.pending.load(std::memory_order_acquire) != 0; ++i) pause();
  {
    std::unique_lock lock(shared.mutex);
    shared.done.wait(lock, [&] { return shared.pending.load() == 0; });
  }
  for (auto& error : errors_) {
    if (error) std::rethrow_exception(error);
  }
}

void ThreadTeam::for_jobs(int count, const std::function<void(int)>& body) {
  std::atomic<int> next{0};
  run([&](int) {
    for (int job = next++; job < count; job = next++) body(job);
  });
}

}  // namespace scout
