#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <array>
#include <csignal>
#include <filesystem>

#include "scout/cli/commands.h"
#include "scout/cli/launch.h"
#include "scout/cli/training_run.h"
#include "scout/cli/usage.h"

namespace scout {
namespace fs = std::filesystem;
namespace {

volatile std::sig_atomic_t caught_signal = 0;

/// Signals that end the training after what it is at. Batch systems announce the end of a job by SIGTERM, SIGUSR1, SIGUSR2
/// or SIGXCPU, a terminal that closes by SIGHUP; SIGPIPE says that nobody reads what it prints.
constexpr std::array kSignals{SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGXCPU, SIGPIPE};

/// A second Ctrl-C ends the program at once; a second one of the others does not: where a job is told to stop, the batch
/// system and mpirun each send one to every rank. What nohup had ignored, stays ignored.
class SignalGuard {
 public:
  SignalGuard() {
    caught_signal = 0;
    for (std::size_t k = 0; k < kSignals.size(); ++k) {
      struct sigaction action {};
      action.sa_handler = [](int signal) { caught_signal = signal; };
      if (kSignals[k] == SIGINT) action.sa_flags = static_cast<int>(SA_RESETHAND);
      sigaction(kSignals[k], nullptr, &before_[k]);
      if (kSignals[k] == SIGHUP && before_[k].sa_handler == SIG_IGN) continue;
      sigaction(kSignals[k], &action, nullptr);
    }
  }
  ~SignalGuard() {
    for (std::size_t k = 0; k < kSignals.size(); ++k) sigaction(kSignals[k], &before_[k], nullptr);
  }
  SignalGuard(const SignalGuard&) = delete;
  SignalGuard& operator=(const SignalGuard&) = delete;

 private:
  std::array<struct sigaction, kSignals.size()> before_{};
};

bool interrupted() { return caught_signal != 0; }

/// What the end of a training that got as far as its folder says, and returns to the shell. It saves before it says
/// anything: nobody may be there to read it.
int conclude(TrainingRun& run, const Trainer& trainer, const std::string& how_to_continue) {
  if (!trainer.finished()) run.save();
  run.end_progress();
  if (trainer.finished()) {
    say(fmt::format("The best policy, of round {} with score {:.3f}, is {}\n", trainer.best_round(), trainer.best_score(),
                    run.policy_path().string()));
    return kDone;
  }
  say(fmt::format("Interrupted; saved after round {}. Continue with\n  {}\n", trainer.rounds_done(), how_to_continue));
  return 128 + caught_signal;
}

/// What ends a training that has begun, such as a full disk, says what is saved and how it goes on.
[[noreturn]] void give_up(TrainingRun& run, const std::exception& error, const std::string& how_to_continue) {
  run.end_progress();
  throw std::runtime_error(
      fmt::format("{}\nSaved after round {}. Continue with\n  {}", error.what(), run.saved_round(), how_to_continue));
}

int train_alone(const TrainArguments& arguments, const TrainOptions& options) {
  Trainer trainer(options, arguments.seed);
  SignalGuard guard;  // first: what it is told while it reads a checkpoint counts too
  TrainingRun run(arguments, trainer);
  if (trainer.finished()) {
    say(fmt::format("All {} rounds are done; --set rounds=N trains longer.\n", options.rounds));
    return kDone;
  }
  try {
    run.begin();
    while (!trainer.finished() && !interrupted()) {
      run.before_rollout();
      run.on_round(trainer.round());
    }
    return conclude(run, trainer, resume_command(arguments));
  } catch (const std::runtime_error& error) {
    give_up(run, error, resume_command(arguments));
  }
}

int lead_ranks(const TrainArguments& arguments, Trainer& trainer, Transport& transport) {
  TrainingRun run(arguments, trainer);
  const std::string resume =
      resume_command(arguments) + "\nalone, or with any number of ranks: mpirun -n RANKS ... (docs/scaling.md)";
  const LearnerHooks hooks{
      .before_rollout = [&] { run.before_rollout(); },
      .on_round = [&](const RoundReport& report, const Traffic& traffic) { run.on_round(report, &traffic); },
      .interrupted = interrupted};
  run.begin();
  try {
    run_learner(trainer, transport, hooks);
  } catch (const std::exception& error) {
    try {
      if (run.is_logged()) run.save();
    } catch (const std::exception&) {  // what was saved before is whole
    }
    give_up(run, error, resume);
  }
  if (interrupted()) {
    say(fmt::format("\nCaught signal {}: the job was told to stop, or a rank has died (the launcher says so).\n",
                    static_cast<int>(caught_signal)));
  }
  return conclude(run, trainer, resume);
}

/// One rank of several. A failure of any rank ends the job: what the learner cannot go on with, it saves and reports.
int train_as_rank(const TrainArguments& arguments, TrainOptions options, const RankOf& job) {
  if (options.threads == 0) options.threads = 1;  // the ranks are the threads
  Trainer trainer(options, arguments.seed, job);
  SignalGuard guard;
  const auto transport = open_transport(job);
  int exit_code = kDone;
  try {
    if (job.rank == 0) {
      exit_code = lead_ranks(arguments, trainer, *transport);
    } else {
      run_actor(trainer, *transport, interrupted);
    }
    transport->close(options.distributed.timeout);
  } catch (const std::exception& error) {
    exit_code = dynamic_cast<const std::invalid_argument*>(&error) != nullptr ? kBadUsage : kFailed;
    fmt::print(stderr, "scout, rank {}: {}\n", job.rank, error.what());
    std::fflush(nullptr);
    transport->abort(exit_code);
  }
  return exit_code;
}

}  // namespace

void add_train(CLI::App& app, int& exit_code) {
  auto arguments = std::make_shared<TrainArguments>();
  CLI::App* command = app.add_subcommand("train", "Train a policy on a mix of problem families");
  command
      ->add_option("CONFIG", arguments->config,
                   "TOML file of options (scout list options), or the name of a shipped one (scout list configs)")
      ->required();
  command->add_option("--out", arguments->out, "folder of the run (default: out/ and the name of CONFIG)");
  command->add_option("--seed", arguments->seed, "drives every random choice")->capture_default_str()->check(whole_from(0));
  command->add_option("--set", arguments->assignments, "key=value ...: options that override CONFIG");
  command->add_flag("--resume", arguments->resume, "continue the run in --out from its checkpoint");
  command->footer(R"(Examples:
  scout train demo --out out/demo --seed 1
  scout train demo --out out/explored --set decisions.ensemble.instances=8
  scout train demo --out out/demo --set rounds=1000 --resume
The folder then holds
  policy.scout     the policy with the best validation score
  checkpoint.bin   everything that --resume needs; same seed and threads: same result, resumed or not
  log.jsonl        a line a round
  explorers.jsonl  what the explorers of an ensemble did, every `validation.every` rounds
mpirun -n RANKS or srun -n RANKS before it: rank 0 learns, all ranks roll out (docs/scaling.md).
A process that a rank of another program has started takes --alone.
Ctrl-C, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGXCPU and SIGPIPE finish the round, save, print how to continue, and exit with
128 + the signal's number; a second Ctrl-C ends the program at once.)");
  command->callback([arguments, &app, &exit_code] {
    if (app.count("--data-dir") > 0) arguments->data_dir = app["--data-dir"]->as<std::string>();
    if (arguments->out.empty()) arguments->out = (fs::path("out") / fs::path(arguments->config).stem()).string();
    const TrainOptions options = read_options(*arguments);
    arguments->alone = app.count("--alone") > 0;
    const RankOf job = arguments->alone ? RankOf{} : detect_launch();
    exit_code = job.ranks > 1 ? train_as_rank(*arguments, options, job) : train_alone(*arguments, options);
  });
}

}  // namespace scout
