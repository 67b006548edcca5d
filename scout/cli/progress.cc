#include "scout/cli/progress.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace scout {
namespace {

constexpr std::size_t kBarWidth = 24;

std::string clock_text(double seconds) {
  const auto whole = static_cast<long long>(seconds + 0.5);
  if (whole >= 3600) return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
  return fmt::format("{}:{:02}", whole / 60, whole % 60);
}

std::size_t terminal_width() {
  winsize size{};
  return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 100;
}

}  // namespace

Progress::Progress(const Trainer& trainer)
    : first_(trainer.rounds_done()),
      rounds_(trainer.options().rounds),
      problems_(trainer.options().problems),
      terminal_(isatty(STDOUT_FILENO) == 1 && trainer.rank().ranks == 1) {  // mpirun fakes a terminal
  if (trainer.best_round() > 0) note_best(trainer.best_score(), trainer.best_round());
}

void Progress::note_best(double score, std::int64_t round) { best_ = fmt::format("best {:.2f} in round {}", score, round); }

void Progress::show(const RoundReport& report) {
  if (report.validated) {
    validation_ = fmt::format("score {:.2f}", report.validation_score);
    if (report.best) note_best(report.validation_score, report.round);
    if (!best_.empty()) validation_ += fmt::format(" ({})", best_);
    validation_ += "; median gaps";
    for (std::size_t p = 0; p < problems_.size(); ++p) {
      validation_ += fmt::format("{} {} {:.3g}", p == 0 ? "" : ",", problems_[p], report.validation_gaps[p]);
    }
  }
  if (terminal_) {
    const auto now = Clock::now();
    if (!report.validated && report.round < rounds_ && now - drawn_ < std::chrono::milliseconds(100)) return;
    drawn_ = now;
    redraw(report.round);
  } else if (report.validated) {
    fmt::print("{}  {}\n", status(report.round), validation_);
    std::fflush(stdout);
  }
}

std::string Progress::status(std::int64_t round) const {
  const double seconds = std::chrono::duration<double>(Clock::now() - begin_).count();
  const double rate = static_cast<double>(round - first_) / std::max(seconds, 1e-9);
  return fmt::format("{:>{}}/{} {:3.0f} %  {:.1f} rounds/s  {} left", round, std::to_string(rounds_).size(), rounds_,
                     100.0 * static_cast<double>(round) / static_cast<double>(rounds_), rate,
                     clock_text(static_cast<double>(rounds_ - round) / std::max(rate, 1e-9)));
}

void Progress::redraw(std::int64_t round) {
  const auto filled = static_cast<std::size_t>(round) * kBarWidth / static_cast<std::size_t>(rounds_);
  std::string line = fmt::format("[{:#<{}}{: <{}}] {}  {}", "", filled, "", kBarWidth - filled, status(round), validation_);
  line.resize(std::min(line.size(), terminal_width() - 1));
  fmt::print("\r\033[K{}", line);
  std::fflush(stdout);
}

void Progress::finish() {
  if (terminal_) fmt::print("\n{}\n", validation_);
}

}  // namespace scout
