// The JSON-lines files that a training leaves beside its checkpoint.
#pragma once

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "scout/train/ranks/distributed.h"
#include "scout/train/trainer.h"

namespace scout {

/// {"instance", "explorer", "coordinate", "step", "theta", "value", "event"}, as reports read it. A move also tells "along":
/// coordinate or gradient.
nlohmann::json explorer_line(const std::string& instance, const ExplorerEvent& event);

/// log.jsonl: first {"options", "seed", "threads", "machine", "versions"}, then an object for each round.
/// explorers.jsonl: every event of the first ensemble of some rounds, with the "round".
class TrainingLog {
 public:
  /// Starts both files or, if rounds were done already, goes on after the lines of those: a run that was killed may have
  /// logged rounds that it has to repeat. Throws std::runtime_error if a file cannot be written.
  TrainingLog(const std::filesystem::path& directory, const Trainer& trainer);

  /// `traffic`: what the ranks sent; null in a process of its own.
  void write(const RoundReport& report, const Trainer& trainer, double seconds, const Traffic* traffic);
  void write(std::int64_t round, const std::string& instance, const ExplorerEvent& event);

 private:
  std::ofstream rounds_;
  std::ofstream explorers_;
};

}  // namespace scout
