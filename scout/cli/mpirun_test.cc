// The whole program under mpirun. Built without MPI, or with sanitizers (which know nothing of MPI's own threads and
// memory), only what it says then is tested.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

#include "scout/cli/launch.h"
#include "scout/cli/test_program.h"

namespace scout {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::ThrowsMessage;

TEST(Launch, IsToldByTheEnvironment) {
  auto place = [](std::vector<std::pair<std::string, std::string>> values) {
    const Environs environs(std::move(values));
    const RankOf found = detect_launch();
    return std::pair(found.rank, found.ranks);
  };
  EXPECT_EQ(place({}), std::pair(0, 1));
  EXPECT_EQ(place({{"OMPI_COMM_WORLD_RANK", "2"}, {"OMPI_COMM_WORLD_SIZE", "5"}}), std::pair(2, 5));
  EXPECT_EQ(place({{"PMI_RANK", "1"}, {"PMI_SIZE", "2"}}), std::pair(1, 2));
  EXPECT_EQ(place({{"SLURM_PROCID", "3"}, {"SLURM_STEP_NUM_TASKS", "4"}}), std::pair(3, 4));
  EXPECT_EQ(place({{"SLURM_PROCID", "0"}, {"SLURM_NTASKS", "4"}}), std::pair(0, 1)) << "a batch script, not a step";
  // mpirun inside a Slurm job starts its own helpers with srun.
  EXPECT_EQ(place({{"OMPI_COMM_WORLD_RANK", "0"},
                   {"OMPI_COMM_WORLD_SIZE", "1"},
                   {"SLURM_PROCID", "1"},
                   {"SLURM_STEP_NUM_TASKS", "2"}}),
            std::pair(0, 1));
}

TEST(Launch, NonsenseIsRefused) {
  auto refused = [](const char* rank, const char* ranks, const char* why) {
    const Environs environs({{"OMPI_COMM_WORLD_RANK", rank}, {"OMPI_COMM_WORLD_SIZE", ranks}});
    EXPECT_THAT([] { detect_launch(); }, ThrowsMessage<std::runtime_error>(HasSubstr(why)));
  };
  refused("two", "5", "OMPI_COMM_WORLD_RANK is 'two'");
  refused("1", "", "OMPI_COMM_WORLD_SIZE is ''");
  refused("5", "5", "OMPI_COMM_WORLD_RANK is 5, but OMPI_COMM_WORLD_SIZE is 5");
}

TEST(Launch, RanksThatSlurmDoesNotConnectAreRefused) {
  const Environs environs({{"SLURM_PROCID", "0"}, {"SLURM_STEP_NUM_TASKS", "2"}});
  EXPECT_THAT([] { open_transport(detect_launch()); }, ThrowsMessage<std::runtime_error>(HasSubstr("srun --mpi=pmix")));
}

TEST_F(Program, WhatIsNotParallelRefusesToBeStartedSeveralTimes) {
  const Environs environs({{"OMPI_COMM_WORLD_RANK", "1"}, {"OMPI_COMM_WORLD_SIZE", "2"}});
  const std::vector<std::vector<std::string>> commands{
      {"bench", path("suite.toml"), "--out", path("bench")},      {"report", folder_},
      {"minimize", "--problem", "sphere", "--optimizer", "adam"}, {"pendulum"},
      {"data", "fetch", "mnist", "--data-dir", path("data")},     {"list", "rules"}};
  for (const auto& words : commands) {
    EXPECT_EQ(run(words), kBadUsage) << words[0];
    EXPECT_THAT(error_, AllOf(HasSubstr("scout " + words[0] + " runs as one process, and this is rank 1 of 2"),
                              HasSubstr("without mpirun or srun"), HasSubstr("--alone")));
  }
  EXPECT_FALSE(fs::exists(path("bench")));
  EXPECT_EQ(run({"bench", "--help"}), kDone);
}

TEST_F(Program, WhatARankHasStartedCanSayThatItIsAlone) {
  const Environs environs({{"SLURM_PROCID", "0"}, {"SLURM_STEP_NUM_TASKS", "4"}});
  EXPECT_EQ(train("run"), kFailed);
  EXPECT_THAT(error_, AllOf(HasSubstr("started as one of 4 ranks"), HasSubstr("takes --alone")));
  EXPECT_EQ(train("run", {"--alone"}), kDone) << error_;
  EXPECT_EQ(run({"list", "rules", "--alone"}), kDone) << error_;
  const Environs nonsense(std::vector<std::pair<std::string, std::string>>{{"SLURM_PROCID", "x"}});
  EXPECT_EQ(run({"list", "rules"}), kFailed);
  EXPECT_THAT(error_, AllOf(HasSubstr("SLURM_PROCID is 'x'"), HasSubstr("--alone")));
  EXPECT_EQ(run({"list", "rules", "--alone"}), kDone) << error_;
}

class Mpirun : public testing::Test {
 protected:
  Mpirun() {
    fs::create_directories(folder_);
    std::ofstream(path("small.toml")) << R"(problems = ["rastrigin", "ackley-rotated"]
dimensions = [4]
rounds = 1000000
learners = ["evolution", "ddpg"]
updates = 2
checkpoint_every = 5
policy.hidden = [8, 8]
policy.by_coordinate = true
rollout.episodes = 2
rollout.horizon = 10
evolution.population = 4
evolution.instances = 2
ensemble.explorers = 2
ensemble.instances = 1
replay.warm_up = 20
replay.capacity = 2000
replay.explorer_capacity = 1000
ddpg.critic_hidden = [8, 8]
ddpg.batch = 8
validation.instances = 1
validation.every = 5
)";
  }
  ~Mpirun() override { fs::remove_all(folder_); }

  std::string path(const std::string& name) const { return folder_ + "/" + name; }
  std::string printed() const {
    std::ifstream file(path("printed"));
    return {std::istreambuf_iterator<char>(file), {}};
  }
  std::vector<nlohmann::json> log() const { return read_json_lines(path("run/log.jsonl")); }
  std::int64_t rounds() const {
    return fs::exists(path("run/log.jsonl")) && log().size() > 1 ? log().back()["round"].get<std::int64_t>() : 0;
  }

  /// Starts words[0] with the others as arguments, in a process group of its own; what it prints goes to a file.
  pid_t start(const std::vector<std::string>& words) const {
    std::vector<char*> arguments;
    for (const auto& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    const std::string file = path("printed");
    const pid_t child = fork();
    if (child != 0) return child;
    setpgid(0, 0);
    const int out = open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
    dup2(out, STDOUT_FILENO);
    dup2(out, STDERR_FILENO);
    execvp(arguments[0], arguments.data());
    _exit(127);
  }
  static int wait(pid_t child) {
    int status = 0;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  std::vector<std::string> train(int ranks, std::vector<std::string> more = {}) const {
    // Root and more ranks than cores are refused by default: reasonable on a cluster, not here.
    std::vector<std::string> words{
        "mpirun", "--allow-run-as-root", "--oversubscribe", "-n",       std::to_string(ranks), SCOUT_PROGRAM,
        "train",  path("small.toml"),    "--out",           path("run")};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  /// The process of a rank of the running job: the children of mpirun are told apart by their environment.
  static pid_t process_of_rank(pid_t mpirun, int rank) {
    for (const auto& entry : fs::directory_iterator("/proc")) {
      const std::string name = entry.path().filename();
      if (name.find_first_not_of("0123456789") != std::string::npos) continue;
      std::ifstream stat(entry.path() / "stat");
      std::string word;
      for (int k = 0; k < 4; ++k) stat >> word;
      if (!stat || word != std::to_string(mpirun)) continue;
      std::ifstream environ(entry.path() / "environ", std::ios::binary);
      const std::string text{std::istreambuf_iterator<char>(environ), {}};
      const std::string wanted = "OMPI_COMM_WORLD_RANK=" + std::to_string(rank);
      if (text.find(wanted + '\0') != std::string::npos) return static_cast<pid_t>(std::stoi(name));
    }
    return 0;
  }
  void wait_for_rounds(std::int64_t count) const {
    for (int k = 0; k < 6000 && rounds() < count; ++k) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    ASSERT_GE(rounds(), count) << printed();
  }

  const std::string folder_ = testing::TempDir() + "scout_mpirun_test." + std::to_string(getpid());
};

#ifdef SCOUT_TEST_MPI

TEST_F(Mpirun, AKilledActorEndsTheJobWithACheckpointThatAnyNumberOfRanksContinues) {
  const pid_t job = start(train(2));
  wait_for_rounds(12);
  const pid_t actor = process_of_rank(job, 1);
  ASSERT_NE(actor, 0);
  kill(actor, SIGKILL);
  EXPECT_NE(wait(job), 0);
  EXPECT_THAT(printed(), AllOf(HasSubstr("signal 9 (Killed)"), HasSubstr("Continue with"), HasSubstr("--resume")));

  const auto before = log();
  ASSERT_GE(before.size(), 13U);
  EXPECT_EQ(before.back()["ranks"]["count"], 2);
  const std::int64_t done = before.back()["round"];
  const std::string more = "rounds=" + std::to_string(done + 10);
  ASSERT_EQ(wait(start(train(3, {"--resume", "--set", more}))), 0) << printed();
  const auto after = log();
  EXPECT_EQ(after.back()["round"], done + 10);
  EXPECT_EQ(after.back()["ranks"]["count"], 3);
  // Not later than the last periodic checkpoint; the rounds up to it are as they were.
  const std::string said = printed();
  const auto from = std::stoll(said.substr(said.find("after round ") + 12));
  EXPECT_GE(from, done / 5 * 5);
  for (std::size_t k = 0; k <= static_cast<std::size_t>(from); ++k) EXPECT_EQ(after[k], before[k]) << "line " << k;
  EXPECT_GT(after.back()["evaluations"], before[static_cast<std::size_t>(from)]["evaluations"]);
  EXPECT_GT(after.back()["updates"], before[static_cast<std::size_t>(from)]["updates"]);
}

TEST_F(Mpirun, RanksFinishTogether) {
  ASSERT_EQ(wait(start(train(3, {"--set", "rounds=20"}))), 0) << printed();
  EXPECT_THAT(printed(), HasSubstr("The best policy, of round "));
  EXPECT_EQ(rounds(), 20);
  EXPECT_TRUE(fs::exists(path("run/policy.scout")));
}

TEST_F(Mpirun, StartsNoBenchmarkTwice) {
  EXPECT_NE(wait(start({"mpirun", "--allow-run-as-root", "--oversubscribe", "-n", "2", SCOUT_PROGRAM, "bench", "demo",
                        "--out", path("bench")})),
            0);
  EXPECT_THAT(printed(), HasSubstr("scout bench runs as one process"));
  EXPECT_FALSE(fs::exists(path("bench")));
}

TEST_F(Mpirun, AnErrorOfTheLearnerEndsAllRanks) {
  fs::create_directories(path("run"));
  std::ofstream(path("run/policy.scout")) << "another run";
  EXPECT_EQ(wait(start(train(2))), 2);
  EXPECT_THAT(printed(), HasSubstr("holds another run"));
}

TEST_F(Mpirun, ASignalToTheLearnerSavesTheTraining) {
  const pid_t job = start(train(2));
  wait_for_rounds(8);
  kill(process_of_rank(job, 0), SIGTERM);
  EXPECT_NE(wait(job), 0);
  EXPECT_THAT(printed(), HasSubstr("Continue with"));
}

TEST_F(Mpirun, ASignalToTheLauncherLeavesACheckpoint) {
  const pid_t job = start(train(2));
  wait_for_rounds(8);
  kill(job, SIGTERM);
  EXPECT_NE(wait(job), 0);
  // The last one may be the periodic one: Open MPI 5 leaves the learner no third of a second to save.
  const std::int64_t done = rounds();
  ASSERT_EQ(wait(start(train(1, {"--resume", "--set", "rounds=" + std::to_string(done + 2)}))), 0) << printed();
  EXPECT_THAT(printed(), HasSubstr("Continuing"));
  EXPECT_EQ(rounds(), done + 2);
}

TEST_F(Mpirun, ARankThatHangsDoesNotKeepTheOthersFromEnding) {
  const pid_t job = start(train(2, {"--set", "distributed.timeout=3"}));
  wait_for_rounds(8);
  kill(process_of_rank(job, 1), SIGSTOP);
  kill(process_of_rank(job, 0), SIGTERM);
  EXPECT_NE(wait(job), 0);
  EXPECT_THAT(printed(), AllOf(HasSubstr("Continue with"), HasSubstr("rank 1 has been silent")));
}

#endif

TEST_F(Mpirun, WithoutTheModuleItSaysWhatToDo) {
  // A copy of the program, beside which there is no module.
  fs::create_directories(path("bin"));
  fs::copy_file(SCOUT_PROGRAM, path("bin/scout"));
  const Environs environs({{"OMPI_COMM_WORLD_RANK", "0"}, {"OMPI_COMM_WORLD_SIZE", "2"}});
  EXPECT_EQ(wait(start({path("bin/scout"), "train", path("small.toml"), "--out", path("run")})), 1);
  EXPECT_THAT(printed(),
              AllOf(HasSubstr("started as one of 2 ranks"), HasSubstr("scout_mpi.so"), HasSubstr("libopenmpi-dev")));
  EXPECT_FALSE(fs::exists(path("run")));
}

}  // namespace
}  // namespace scout
