#include "scout/cli/launch.h"

#include <dlfcn.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <string_view>

namespace scout {
namespace fs = std::filesystem;
namespace {

constexpr const char* kModule = "scout_mpi.so";
constexpr const char* kAlone =
    "A process that only inherited the launcher's variables, from a shell or a program that it started, takes --alone";

/// Variables of a launcher: the rank of this process, and the number of ranks that were started with it.
struct Variables {
  const char* rank;
  const char* ranks;
};
// mpirun of Open MPI; a PMI-1 or PMI-2 server (mpiexec of MPICH, srun --mpi=pmi2); srun. Slurm's number of tasks of the
// *step*: that of the job is also set in a batch script, which is a process of its own.
constexpr std::array<Variables, 3> kLaunchers{
    {{"OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"}, {"PMI_RANK", "PMI_SIZE"}, {"SLURM_PROCID", "SLURM_STEP_NUM_TASKS"}}};

int number(const char* name, std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0) {
    throw std::runtime_error("environment variable " + std::string(name) + " is '" + std::string(text) +
                             "': not a number of ranks. " + kAlone);
  }
  return value;
}

}  // namespace

RankOf detect_launch() {
  for (const auto& [rank_name, ranks_name] : kLaunchers) {
    const char* rank = std::getenv(rank_name);
    const char* ranks = std::getenv(ranks_name);
    if (rank == nullptr || ranks == nullptr) continue;
    const RankOf job{number(rank_name, rank), number(ranks_name, ranks)};
    if (job.rank >= std::max(job.ranks, 1)) {
      throw std::runtime_error(std::string(rank_name) + " is " + rank + ", but " + ranks_name + " is " + ranks + ". " +
                               kAlone);
    }
    return job;
  }
  return {};
}

std::unique_ptr<Transport> open_transport(const RankOf& job) {
  const std::string started = "started as one of " + std::to_string(job.ranks) + " ranks, but ";
  const auto unset = [](const char* name) { return std::getenv(name) == nullptr; };
  if (unset("OMPI_COMM_WORLD_RANK") && unset("PMI_RANK") && unset("PMIX_RANK")) {
    throw std::runtime_error(
        started + "srun does not tell them of each other: use srun --mpi=pmix, or mpirun in the batch script. " + kAlone);
  }
  std::error_code ignored;
  const fs::path program = fs::read_symlink("/proc/self/exe", ignored);
  fs::path module = program.parent_path() / kModule;
  if (!fs::exists(module, ignored)) module = program.parent_path().parent_path() / SCOUT_MODULE_FOLDER / kModule;
  if (!fs::exists(module, ignored)) {
    throw std::runtime_error(
        started + kModule + " is not beside " + program.string() +
        ": build it (target scout_mpi; needs Open MPI, Debian: libopenmpi-dev), or start one process. " + kAlone);
  }
  // Open MPI loads parts of itself, which look for its symbols among those of the whole program.
  void* handle = dlopen(module.c_str(), RTLD_NOW | RTLD_GLOBAL);
  if (handle == nullptr) throw std::runtime_error(started + "its MPI module cannot be loaded: " + dlerror());
  using Open = Transport* (*)(int);
  const auto open = reinterpret_cast<Open>(dlsym(handle, "scout_mpi_transport"));
  if (open == nullptr) throw std::runtime_error(started + module.string() + " is of another version: " + dlerror());
  return std::unique_ptr<Transport>(open(job.ranks));  // the module stays loaded: its code is the transport's
}

void refuse_several(const RankOf& job, const std::string& command) {
  if (job.ranks < 2) return;
  throw std::invalid_argument("scout " + command + " runs as one process, and this is rank " + std::to_string(job.rank) +
                              " of " + std::to_string(job.ranks) +
                              ": start it without mpirun or srun; only scout train works on several ranks. " + kAlone);
}

}  // namespace scout
