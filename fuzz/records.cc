// What a benchmark leaves behind: records.jsonl, steps.jsonl and suite.json, and the tables that are made of them.
#include "scout/bench/tables/record.h"

#include "fuzz/target.h"
#include "scout/base/json_lines.h"
#include "scout/bench/tables/results.h"

namespace scout::fuzz {
namespace {

namespace fs = std::filesystem;
using bench::Record;
using bench::StepCosts;

long double exact(const nlohmann::json& x) {
  if (x.is_number_unsigned()) return static_cast<long double>(x.get<std::uint64_t>());
  if (x.is_number_integer()) return static_cast<long double>(x.get<std::int64_t>());
  return static_cast<long double>(x.get<double>());
}

/// Numbers that a line has, and its record has otherwise.
void expect_same_numbers(const nlohmann::json& line, const nlohmann::json& taken, std::initializer_list<const char*> keys) {
  for (const char* key : keys) {
    if (!line.contains(key) || !line[key].is_number() || !taken.contains(key)) continue;
    expect(taken[key].is_number() && exact(line[key]) == exact(taken[key]), std::string(key) + " is another number");
  }
}

void read_records_of(const fs::path& place) {
  std::vector<Record> records;
  if (!takes<std::invalid_argument>([&] { records = bench::read_records(place); })) return;
  const auto lines = read_json_lines(place / "records.jsonl");
  expect(lines.size() == records.size(), "not a record a line");
  std::string again;
  for (std::size_t i = 0; i < records.size(); ++i) {
    const nlohmann::json taken = record_to_json(records[i]);
    expect_same_numbers(lines[i], taken,
                        {"dimension", "budget", "instance", "seed", "values", "gradients", "non_finite", "unit", "optimum"});
    if (!records[i].stochastic) expect_same_numbers(lines[i], taken, {"start", "best", "final", "seconds"});
    expect(records[i].outcome.curve.size() == lines[i].at("curve").at("best").size(), "another curve");
    again += json_text(taken) + "\n";
  }
  const fs::path other = place / "again";
  fs::create_directories(other);
  write_file(other / "records.jsonl", "");
  append_lines(other / "records.jsonl", again);
  const auto reread = bench::read_records(other);
  expect(reread.size() == records.size(), "written and read they are more or fewer");
  for (std::size_t i = 0; i < records.size(); ++i) {
    expect(json_text(record_to_json(reread[i])) == json_text(record_to_json(records[i])), "written and read it is another");
  }
}

void read_steps_of(const fs::path& place) {
  std::vector<StepCosts> costs;
  if (!takes<std::invalid_argument>([&] { costs = bench::read_step_costs(place); })) return;
  const auto lines = read_json_lines(place / "steps.jsonl");
  for (std::size_t i = 0; i < costs.size(); ++i) {
    const nlohmann::json taken = step_costs_to_json(costs[i]);
    expect_same_numbers(lines.at(i), taken, {"dimension", "budget", "weights", "tensors"});
    expect(json_text(step_costs_to_json(bench::step_costs_from_json(nlohmann::json::parse(json_text(taken))))) ==
               json_text(taken),
           "written and read they are other costs");
  }
}

void read_tables_of(const fs::path& place) {
  bench::Results results;
  if (!takes<std::invalid_argument>([&] { results = bench::read_results(place); })) return;
  for (const auto& row : results.rows) expect(row.cells.size() == results.tasks.size(), "a row of other tasks");
  expect(!bench::headline(results).empty() && !bench::summary_table(results).empty(), "results that say nothing");
}

Record example(int seed, bool stochastic) {
  Record record;
  record.task = {stochastic ? "mlp-blobs" : "rastrigin", 2, 20};
  record.seed = seed;
  record.optimizer = record.method = stochastic ? "adam" : "policy:x.scout";
  record.settings = {{"lr", 0.1}};
  record.key = "k";
  record.stochastic = stochastic;
  if (!stochastic) record.optimum = 0.0;
  record.outcome.status = "done";
  record.outcome.values = record.outcome.gradients = 10;
  record.outcome.start_value = 7.25;
  record.outcome.best = record.outcome.final = 0.5;
  record.outcome.curve = {{1, 1, 7.25}, {5, 5, 0.5}};
  record.outcome.seconds = 0.01;
  if (stochastic) record.outcome.metrics = {{"test_loss", 0.7}};
  return record;
}

}  // namespace

// Three pieces: records, steps, suite.
std::vector<std::string> seeds() {
  const StepCosts costs{.task = {"mlp-blobs", 2, 20},
                        .key = "k",
                        .weights = 10,
                        .tensors = 2,
                        .adam = {"adam", 1e-5, 80},
                        .costs = {{"x", 1e-6, 120}},
                        .machine = {{"cpu", "c"}},
                        .versions = {}};
  const std::string functions = json_text(record_to_json(example(0, false))) + "\n" +
                                json_text(record_to_json(example(1, false))) + "\n",
                    networks = json_text(record_to_json(example(0, true))) + "\n",
                    steps = json_text(step_costs_to_json(costs)) + "\n";
  const std::string suite = R"({"name":"n","title":"t","problems":["rastrigin"],"budgets":[20],"targets":[0.1]})";
  const std::string mark(1, kMark);
  return {functions + mark + steps + mark + suite,
          networks + mark + steps,
          functions + networks,
          functions.substr(0, functions.size() - 9),
          mark + steps,
          std::string{kMany, '[', kMany, ']', '\n'},
          R"({"problem":"r","dimension":2,"budget":9,"instance":0,"seed":0,"optimizer":"o","status":"done","values":1,)"
          R"("gradients":1,"start":1,"optimum":null,"best":1,"curve":{"best":[]}})"};
}

void run(Input input) {
  Pieces pieces(input);
  const fs::path& place = folder();
  write_file(place / "records.jsonl", expanded(pieces.until_mark()));
  write_file(place / "steps.jsonl", expanded(pieces.until_mark()));
  const Input suite = pieces.rest();
  if (suite.empty()) {
    fs::remove(place / "suite.json");
  } else {
    write_file(place / "suite.json", expanded(suite));
  }
  read_records_of(place);
  read_steps_of(place);
  read_tables_of(place);
}

}  // namespace scout::fuzz
