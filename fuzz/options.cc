// Options: TOML files and KEY=VALUE, set into a struct of every kind, into those of a training, and into those of a suite;
// names of problems and entries of optimizers.
#include "scout/base/options.h"

#include "fuzz/target.h"
#include "scout/bench/run/spec.h"
#include "scout/problem/catalog/family.h"
#include "scout/train/learner/options.h"

namespace scout::fuzz {
namespace {

/// Options of every type that options have.
struct Every {
  bool flag = false;
  int number = 1;
  std::int64_t large = 1;
  std::uint64_t natural = 1;
  double real = 0.5;
  std::string word = "a";
  std::string text = "text";
  std::vector<int> numbers{1, 2};
  std::vector<double> reals{0.5};
  std::vector<std::string> texts{"a"};
  struct Nested {
    int number = 1;
    double real = 1;
    void describe(auto&& visit) {
      visit("number", number, "", between(0, 100));
      visit("real", real, "", or_infinite(at_least(0)));
    }
  } nested;
  void describe(auto&& visit) {
    visit("flag", flag, "");
    visit("number", number, "");
    visit("large", large, "");
    visit("natural", natural, "");
    visit("real", real, "");
    visit("word", word, "", OneOf{{"a", "b"}});
    visit("text", text, "");
    visit("numbers", numbers, "");
    visit("reals", reals, "", inside(-1, 1));
    visit("texts", texts, "");
    visit("nested", nested);
  }
};

/// Whether an option with the value `taken` was set to `given`, to the last digit.
bool same(const nlohmann::json& given, const nlohmann::json& taken) {
  if (taken.is_array()) {
    const nlohmann::json list = given.is_array() ? given : nlohmann::json::array({given});
    if (list.size() != taken.size()) return false;
    for (std::size_t i = 0; i < list.size(); ++i) {
      if (!same(list[i], taken[i])) return false;
    }
    return true;
  }
  if (!given.is_number() || !taken.is_number()) return given == taken;
  const auto exact = [](const nlohmann::json& x) {  // 64 bits of mantissa hold every integer
    if (x.is_number_unsigned()) return static_cast<long double>(x.get<std::uint64_t>());
    return x.is_number_integer() ? static_cast<long double>(x.get<std::int64_t>())
                                 : static_cast<long double>(x.get<double>());
  };
  return exact(given) == exact(taken) || (taken.is_number_float() && given.get<double>() == taken.get<double>());
}

template <class Options>
void set_and_check(const nlohmann::json& values) {
  Options options;
  if (!takes<std::invalid_argument>([&] { set_options(options, values); })) return;
  const nlohmann::json all = to_json(options);
  const nlohmann::json flat = flatten(values);
  for (const auto& [key, value] : flat.items()) {
    expect(same(value, all.at(key)), "option '" + key + "' was set to something else");
  }
  const std::string text = json_text(all);
  for (const OptionDescription& option : describe_options(options)) expect(all.contains(option.key), "an unlisted option");
  if (text.find("null") != std::string::npos) return;  // JSON has no infinity
  Options again;
  set_options(again, nlohmann::json::parse(text));
  expect(json_text(to_json(again)) == text, "written and read they are other options");
}

void set_training(const nlohmann::json& values) {
  TrainOptions options;
  if (!takes<std::invalid_argument>([&] { set_training_options(options, values); })) return;
  const nlohmann::json all = training_options_json(options);
  TrainOptions again;
  set_training_options(again, nlohmann::json::parse(json_text(all)));
  expect(json_text(training_options_json(again)) == json_text(all), "written and read they are another training");
  takes<std::invalid_argument>([&] { check_options_are_used(options, all.size() % 2 == 0); });
}

void set_suite(const nlohmann::json& values) {
  bench::Suite suite;
  const bool taken = takes<std::invalid_argument>([&] {
    set_options(suite, values);
    bench::validate_suite(suite);
  });
  if (taken) expect(!suite.problems.empty() && !suite.budgets.empty(), "a suite of nothing");
}

void set(std::size_t kind, const nlohmann::json& values) {
  if (kind == 0) set_and_check<Every>(values);
  if (kind == 1) set_training(values);
  if (kind == 2) set_suite(values);
}

void name_things(const std::string& name) {
  std::shared_ptr<const Family> found;
  if (takes<std::invalid_argument>([&] { found = family(name); })) expect(found != nullptr, "a family that is none");
  bench::OptimizerName entry;
  if (!takes<std::invalid_argument>([&] { entry = bench::parse_optimizer(name); })) return;
  expect(!entry.label.empty() && !entry.name.empty(), "an optimizer without a name");
  for (const bench::Pin& pin : entry.pins) {
    nlohmann::json settings{{pin.key, pin.value}};
    expect(pin.relation != "=" || pin.holds(settings), "a pin that its own value does not satisfy");
  }
}

}  // namespace

// The first byte: what is read, and what for.
std::vector<std::string> seeds() {
  const std::string toml = R"(flag = true
number = -7
large = 9007199254740993
natural = 0x10
real = 1e-3
word = "b"
text = """
a "b" \u00e9"""
numbers = [1, 2, 3]
reals = 0.25
texts = ["a", 'b']
[nested]
number = 3
real = inf
)";
  const std::string training = R"(problems = ["ackley", "mlp-blobs:hidden=4|8,batch=8"]
learners = ["evolution", "ddpg"]
rounds = 5
policy.rule = "coordinate"
policy.hidden = [8, 8]
ddpg.gradient_clip = 0.5
[rollout]
episodes = 4
)";
  const std::string suite = R"(title = "t"
problems = ["rastrigin", "ackley-rotated"]
dimensions = [2, 10]
budgets = [100]
optimizers = ["adam", "x=adam:lr<=0.1,schedule=constant"]
[trajectories]
problems = ["rastrigin"]
)";
  const auto mark = std::string(1, kMark);
  std::vector<std::string> out{std::string(1, 0) + toml,
                               std::string(1, 1) + training,
                               std::string(1, 2) + suite,
                               "\x03large=9223372036854775807" + mark + "natural=18446744073709551615" + mark + "real=.1" +
                                   mark + "text=x=y" + mark + "numbers=[1,2]" + mark + R"(nested={"number":3})",
                               "\x04rounds=3" + mark + "policy.hidden=[4]" + mark + "es.pairs=4",
                               "\x05optimizers=[\"adam\"]" + mark + "budgets=100" + mark + "problems=rastrigin",
                               "\x06mlp-blobs:hidden=4|8x8,batch=8,init=he,rescale=0.5",
                               "\x06x=adam:schedule=constant,lr>=0.005,lr<=0.006",
                               "\x06rastrigin-rotated-noisy:instance=0|1,region=0.1"};
  const std::string many(1, kMany);  // what would exhaust the stack
  out.push_back(std::string(1, 0) + "text = " + many + "[" + many + "]");
  out.push_back(std::string(1, 0) + "text = " + many + "[");
  out.push_back(std::string(1, 0) + "text" + many + ".a = 1");
  out.push_back("\x03text=" + many + "[" + many + "]");
  return out;
}

void run(Input input) {
  Pieces pieces(input);
  const std::size_t kind = pieces.below(7);
  nlohmann::json values = nlohmann::json::object();
  if (kind == 6) return name_things(std::string(text(pieces.rest())));
  if (kind < 3) {
    const std::string path = folder() / "options.toml";
    write_file(path, expanded(pieces.rest()));
    if (takes<std::invalid_argument>([&] { values = read_toml(path); })) set(kind, values);
    return;
  }
  while (!pieces.empty()) {
    const std::string assignment = expanded(pieces.until_mark());
    if (!takes<std::invalid_argument>([&] { values.update(parse_assignment(assignment)); })) return;
  }
  set(kind - 3, values);
}

}  // namespace scout::fuzz
