#include "scout/base/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <stdexcept>

#include "scout/base/test_comma_locale.h"

namespace scout {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

struct ReplayOptions {
  int capacity = 1000;
  template <class Visitor>
  void describe(Visitor&& visit) {
    visit("capacity", capacity, "episodes kept", at_least(1));
  }
};

struct TrainOptions {
  double rate = 1e-3;
  double share = 0.25;
  std::int64_t steps = 100;
  bool ensemble = true;
  std::string kind = "joint";
  std::vector<std::string> problems{"sphere"};
  std::vector<int> dimensions{10};
  ReplayOptions replay;
  template <class Visitor>
  void describe(Visitor&& visit) {
    visit("rate", rate, "learning rate", positive());
    visit("share", share, "share of explorer experience", between(0, 1));
    visit("steps", steps, "updates");
    visit("ensemble", ensemble, "whether explorers run");
    visit("kind", kind, "policy kind", OneOf{{"joint", "coordinatewise"}});
    visit("problems", problems, "families");
    visit("dimensions", dimensions, "M of each family", at_least(1));
    visit("replay", replay);
  }
};

auto complaint(const nlohmann::json& values) {
  return [values] {
    TrainOptions options;
    set_options(options, values);
  };
}
auto says(const std::string& text) { return ThrowsMessage<std::invalid_argument>(HasSubstr(text)); }

TEST(Condition, Text) {
  EXPECT_EQ(Condition{}.text(), "");
  EXPECT_EQ(at_least(1).text(), "at least 1");
  EXPECT_EQ(positive().text(), "greater than 0");
  EXPECT_EQ(between(0, 1).text(), "in [0, 1]");
  EXPECT_EQ(inside(-0.5, 1e-5).text(), "in (-0.5, 1e-05)");
  EXPECT_EQ((Condition{.low = 0, .high = 1, .open_high = true}.text()), "in [0, 1)");
  EXPECT_EQ((Condition{.high = 2}.text()), "at most 2");
}

TEST(Condition, Holds) {
  EXPECT_TRUE(at_least(1).holds(1));
  EXPECT_FALSE(positive().holds(0));
  EXPECT_FALSE(inside(0, 1).holds(1));
  EXPECT_TRUE(between(0, 1).holds(1));
  const double infinity = std::numeric_limits<double>::infinity();
  for (const Condition& condition : {Condition{}, positive(), at_least(1), Condition{.high = 2}}) {
    EXPECT_FALSE(condition.holds(std::numeric_limits<double>::quiet_NaN())) << condition.text();
    EXPECT_FALSE(condition.holds(infinity)) << condition.text();
    EXPECT_FALSE(condition.holds(-infinity)) << condition.text();
  }
  EXPECT_TRUE(or_infinite(positive()).holds(infinity));
  EXPECT_FALSE(or_infinite(positive()).holds(-infinity));
  EXPECT_FALSE(or_infinite().holds(std::numeric_limits<double>::quiet_NaN()));
}

TEST(Options, SetsNestedFlatAndListValues) {
  TrainOptions options;
  set_options(options, {{"rate", 1},
                        {"steps", 1e6},
                        {"ensemble", false},
                        {"kind", "coordinatewise"},
                        {"problems", "rastrigin"},
                        {"dimensions", {2, 5}},
                        {"replay", {{"capacity", 7}}}});
  EXPECT_EQ(options.rate, 1.0);
  EXPECT_EQ(options.steps, 1'000'000);
  EXPECT_FALSE(options.ensemble);
  EXPECT_EQ(options.kind, "coordinatewise");
  EXPECT_EQ(options.problems, std::vector<std::string>{"rastrigin"});
  EXPECT_EQ(options.dimensions, (std::vector<int>{2, 5}));
  EXPECT_EQ(options.replay.capacity, 7);
  set_options(options, {{"replay.capacity", 8}});
  EXPECT_EQ(options.replay.capacity, 8);
  EXPECT_EQ(options.kind, "coordinatewise") << "an option that is not named keeps its value";
}

TEST(Options, ErrorsNameKeyValueAndCondition) {
  EXPECT_THAT(complaint({{"rate", 0}}), says("option 'rate' is 0: must be greater than 0"));
  EXPECT_THAT(complaint({{"share", 1.5}}), says("option 'share' is 1.5: must be in [0, 1]"));
  EXPECT_THAT(complaint({{"replay", {{"capacity", 0}}}}), says("option 'replay.capacity' is 0: must be at least 1"));
  EXPECT_THAT(complaint({{"dimensions", {3, 0}}}), says("option 'dimensions' is 0: must be at least 1"));
  EXPECT_THAT(complaint({{"kind", "both"}}), says("option 'kind' is 'both': must be one of joint, coordinatewise"));
  EXPECT_THAT(complaint({{"rate", std::numeric_limits<double>::quiet_NaN()}}), says("'rate' is nan: must be a number"));
  EXPECT_THAT(complaint({{"rate", std::numeric_limits<double>::infinity()}}),
              says("'rate' is inf: must be a finite number"));
}

struct Wide {
  std::int64_t count = 1;
  std::uint64_t natural = 1;
  void describe(auto&& visit) {
    visit("count", count, "");
    visit("natural", natural, "");
  }
};

TEST(Options, WrongTypes) {
  EXPECT_THAT(complaint({{"rate", "fast"}}), says("option 'rate' is \"fast\": must be a number"));
  EXPECT_THAT(complaint({{"steps", 1.5}}), says("must be a whole number"));
  EXPECT_THAT(complaint({{"steps", INFINITY}}), says("is infinite: must be a whole number"));
  EXPECT_THAT(complaint({{"replay.capacity", 1e10}}), says("whole number in the range of its type"));
  Wide wide;
  set_options(wide, parse_assignment("count=9223372036854775807"));
  set_options(wide, parse_assignment("natural=18446744073709551615"));
  EXPECT_EQ(wide.count, std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(wide.natural, std::numeric_limits<std::uint64_t>::max());
  EXPECT_THAT([&] { set_options(wide, parse_assignment("count=9223372036854775808")); }, says("in the range of its type"))
      << "which is no negative number";
  EXPECT_THAT([&] { set_options(wide, parse_assignment("natural=-1")); }, says("in the range of its type"));
  EXPECT_THAT(complaint({{"ensemble", 1}}), says("must be true or false"));
  EXPECT_THAT(complaint({{"problems", {1}}}), says("option 'problems' is 1: must be a string"));
  EXPECT_THAT(complaint({{"rate", "caf\xe9"}}), says("option 'rate' is \"caf\uFFFD\": must be a number"));
}

TEST(Options, UnknownKeyNamesTheNearest) {
  EXPECT_THAT(complaint({{"rat", 1}}), says("unknown option 'rat': did you mean 'rate'?"));
  EXPECT_THAT(complaint({{"capacity", 1}}), says("did you mean 'replay.capacity'?"));
  EXPECT_THAT(complaint({{"replay", {{"capacty", 1}}}}), says("did you mean 'replay.capacity'?"));
  EXPECT_THAT(complaint({{"xyz", 1}}), says("unknown option 'xyz'. Known options: rate, "));
}

TEST(Options, ListedWithDefaultConditionAndHelp) {
  const auto list = describe_options<TrainOptions>();
  ASSERT_EQ(list.size(), 8U);
  EXPECT_EQ(list[0].key, "rate");
  EXPECT_EQ(list[0].default_value, "0.001");
  EXPECT_EQ(list[0].condition, "greater than 0");
  EXPECT_EQ(list[3].condition, "");
  EXPECT_EQ(list[4].condition, "one of joint, coordinatewise");
  EXPECT_EQ(list[7].key, "replay.capacity");
  EXPECT_EQ(list[7].help, "episodes kept");
}

TEST(Options, JsonRoundTrip) {
  TrainOptions written;
  written.rate = 0.1;
  written.problems = {"a", "b"};
  written.replay.capacity = 3;
  TrainOptions read;
  set_options(read, to_json(written));
  EXPECT_EQ(to_json(read), to_json(written));
}

TEST(Assignment, ValueIsJsonOrElseAString) {
  EXPECT_EQ(parse_assignment("a.b=3"), (nlohmann::json{{"a.b", 3}}));
  EXPECT_EQ(parse_assignment("a=true"), (nlohmann::json{{"a", true}}));
  EXPECT_EQ(parse_assignment("a=[\"x\",\"y\"]"), (nlohmann::json{{"a", {"x", "y"}}}));
  EXPECT_EQ(parse_assignment("a=x,y=z"), (nlohmann::json{{"a", "x,y=z"}}));
  for (const char* spelling : {"a=.1", "a=+0.1", "a=1.e-1", "a=0.1"}) {
    EXPECT_EQ(parse_assignment(spelling), (nlohmann::json{{"a", 0.1}})) << spelling;
  }
  for (const char* text : {"1..2", "1e400", "inf", "..", "-", "e5", "1.2.3", "0x10"}) {
    EXPECT_EQ(parse_assignment(std::string("a=") + text), (nlohmann::json{{"a", text}})) << text;
  }
  EXPECT_EQ(parse_assignment("a="), (nlohmann::json{{"a", ""}}));
  EXPECT_THAT([] { parse_assignment("seed"); }, says("'seed' does not set an option"));
  EXPECT_THAT([] { parse_assignment("=3"); }, says("write key=value"));
}

class Toml : public ::testing::Test {
 protected:
  std::string write(const std::string& content) {
    std::ofstream(path_) << content;
    return path_;
  }
  ~Toml() override { std::filesystem::remove(path_); }

 private:
  std::string path_ =
      (std::filesystem::path(::testing::TempDir()) /
       (std::string("scout_options_") + ::testing::UnitTest::GetInstance()->current_test_info()->name() + ".toml"))
          .string();
};

TEST_F(Toml, ReadsEveryType) {
  const auto path = write("a = 1\nb = 0.5\nc = \"x\"\nd = [1, 2]\nday = 2020-01-02\n[e.f]\ng = true\n");
  const nlohmann::json expected = {
      {"a", 1}, {"b", 0.5}, {"c", "x"}, {"d", {1, 2}}, {"day", "2020-01-02"}, {"e", {{"f", {{"g", true}}}}}};
  EXPECT_EQ(read_toml(path), expected);
}

TEST_F(Toml, MeansTheSameUnderAnyLocale) {
  const auto path =
      write("a = 0.25\nb = 1_000.5\nc = 12345\nd = -1e-3\ne = [1.5, 2.25]\nf = 2020-01-02\ng = 0x1F4\nh = inf\n");
  const nlohmann::json expected = read_toml(path);
  EXPECT_EQ(expected["b"], 1000.5);
  const CommaLocale comma;
  const nlohmann::json found = read_toml(path);
  EXPECT_EQ(found["a"], 0.25);
  EXPECT_EQ(found, expected);
}

TEST_F(Toml, EditorsOfAllKindsMayHaveWrittenIt) {
  EXPECT_EQ(read_toml(write("\xEF\xBB\xBF[a]\r\nb = 1\r\nc = 0.5")), (nlohmann::json{{"a", {{"b", 1}, {"c", 0.5}}}}));
  const auto utf_16 =
      write(std::string("\xFF\xFE"
                        "a\0=\0"
                        "1\0",
                        8));
  EXPECT_THAT([&] { read_toml(utf_16); }, says("is not valid TOML"));
}

TEST_F(Toml, SyntaxErrorNamesFileAndLine) {
  const auto path = write("a = 1\nb = = 2\n");
  EXPECT_THAT([&] { read_toml(path); }, ThrowsMessage<std::invalid_argument>(AllOf(HasSubstr(path), HasSubstr("\n 2 | "))));
}

TEST_F(Toml, WhatIsNotUtf8IsNamedByLine) {
  EXPECT_THAT([&] { read_toml(write("a = 1\n'\xFF@\xFF\xFF' = 2\n")); }, says("line 2 is not UTF-8: save the file"));
  EXPECT_THAT([&] { read_toml(write("a = 'caf\xE9'")); }, says("line 1 is not UTF-8"));
  EXPECT_EQ(read_toml(write("a = 'caf\xC3\xA9'")), (nlohmann::json{{"a", "caf\xC3\xA9"}}));
}

TEST_F(Toml, WhatIsNestedTooDeeplyIsRefusedBeforeItExhaustsTheStack) {
  const auto many = [](int count, const std::string& text, std::string out = "") {
    for (int i = 0; i < count; ++i) out += text;
    return out;
  };
  for (const char* open : {"[", "[ ", "[#]\n", "[']',"}) {
    EXPECT_THAT([&] { read_toml(write(many(100'000, open, "a = "))); }, says("nested more than 128 deep")) << open;
  }
  EXPECT_THAT([&] { read_toml(write(many(100'000, ".a", "a") + " = 1\n")); }, says("nested more than 128 deep"));
  EXPECT_THAT([&] { read_toml(write(many(100'000, ".a", "[a") + "]\n")); }, says("nested more than 128 deep"));
  const auto flat = read_toml(write(many(1000, "0.5, ", "a = [") + many(1000, "[", "]\nb = \"") + many(1000, "{", "\" # ") +
                                    many(1000, "['", "\nc = '''") + "'''\n"));
  EXPECT_EQ(flat.at("a").size(), 1000U);
  EXPECT_EQ(flat.at("b").get<std::string>(), many(1000, "["));
}

TEST_F(Toml, MissingFileAndFolder) {
  EXPECT_THAT([] { read_toml("no/such.toml"); }, says("cannot read 'no/such.toml'"));
  EXPECT_THAT([] { read_toml("/"); }, says("cannot read '/'"));
}

TEST_F(Toml, EmptyFileIsEmptyObject) { EXPECT_EQ(read_toml(write("")), nlohmann::json::object()); }

}  // namespace
}  // namespace scout
