// The report of a benchmark: one HTML file that needs no network.
#pragma once

#include <filesystem>
#include <string>

namespace scout::bench {

/// Draws DIR/report.html from the records in DIR (records.jsonl; and where they are there suite.json, trajectories.jsonl and
/// explorers.jsonl) and returns its path. Nothing is run again, so old records can always be redrawn.
/// Throws std::invalid_argument if there are no records or a line is broken, std::runtime_error if gnuplot fails or is
/// missing.
std::filesystem::path write_report(const std::filesystem::path& directory);

/// The summary table of DIR and its headline, as plain text for a terminal.
std::string report_text(const std::filesystem::path& directory);

}  // namespace scout::bench
