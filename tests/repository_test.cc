// What holds of the repository as a whole: its layers, its tables, the names that are gone, the size of its files. Every
// rule is a function from the files to complaints, so that the tests below also see each rule fail.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

using Strings = std::vector<std::string>;
/// The lines of every file, by its path below the repository.
using Files = std::map<std::string, Strings>;

/// The one file that knows the option of the first version of policy files, and its test, which writes one.
constexpr const char* kFirstVersion = "scout/policy/policy.cc";
constexpr const char* kFirstVersionTest = "scout/policy/policy_test.cc";
constexpr const char* kMpi = "scout/train/mpi/mpi_transport.cc";
constexpr const char* kJsonText = "scout/base/json_lines.cc";
constexpr std::size_t kLongestFile = 450;
constexpr std::size_t kWidestProse = 100;

/// The folders of scout::scout, which a program that uses a policy links.
bool deployed(const std::string& folder) {
  static const std::set<std::string> folders{"scout/base", "scout/nn", "scout/policy", "scout/optimizer"};
  return folders.contains(folder) || folder.starts_with("scout/policy/");
}

std::string folder_of(const std::string& path) { return fs::path(path).parent_path().string(); }
bool is_header(const std::string& path) { return path.ends_with(".h"); }
bool is_source(const std::string& path) { return is_header(path) || path.ends_with(".cc"); }
bool is_test(const std::string& path) {
  return path.ends_with("_test.cc") || fs::path(path).filename().string().starts_with("test_");
}
bool is_libtorch(const std::string& header) {
  return header.starts_with("torch/") || header.starts_with("ATen/") || header.starts_with("c10/");
}

struct Include {
  std::string file;
  std::string header;  ///< as it is written
  std::string where;   ///< "FILE:LINE: includes HEADER"
};

/// Of every source below `root`, tests left out.
std::vector<Include> includes(const Files& files, const std::string& root = "scout/") {
  std::vector<Include> out;
  for (const auto& [path, lines] : files) {
    if (!path.starts_with(root) || !is_source(path) || is_test(path)) continue;
    for (std::size_t i = 0; i < lines.size(); ++i) {
      const auto begin = lines[i].find_first_of("<\"");
      if (!lines[i].starts_with("#include") || begin == std::string::npos) continue;
      const std::string header = lines[i].substr(begin + 1, lines[i].find_first_of(">\"", begin + 1) - begin - 1);
      out.push_back({path, header, path + ":" + std::to_string(i + 1) + ": includes " + header});
    }
  }
  return out;
}

Strings circles(const Files& files) {
  std::map<std::string, std::set<std::string>> reaches;
  const auto all = includes(files);
  for (const auto& one : all) {
    if (one.header.starts_with("scout/")) reaches[folder_of(one.file)].insert(folder_of(one.header));
  }
  for (bool grew = true; grew;) {
    grew = false;
    for (auto& [folder, targets] : reaches) {
      const std::size_t before = targets.size();
      for (const auto& target : std::set(targets)) {
        if (target != folder && reaches.contains(target)) targets.insert(reaches[target].begin(), reaches[target].end());
      }
      grew = grew || targets.size() > before;
    }
  }
  Strings out;
  for (const auto& one : all) {
    const std::string from = folder_of(one.file), to = folder_of(one.header);
    if (from != to && reaches.contains(to) && reaches[to].contains(from)) {
      out.push_back(one.where + ", and " + to + " leads back to " + from +
                    ". Move what both need to the lower of the two, or to a folder of its own");
    }
  }
  return out;
}

Strings leaks_into_deployment(const Files& files) {
  Strings out;
  for (const auto& one : includes(files)) {
    if (!deployed(folder_of(one.file))) continue;
    const bool own = one.header == "scout/problem/instance.h" || deployed(folder_of(one.header));
    if (is_libtorch(one.header) || (one.header.starts_with("scout/") && !own)) {
      out.push_back(one.where +
                    ", which a program that only uses a policy does not have. Move the code that needs it out of " +
                    "base, nn, policy and optimizer");
    }
  }
  return out;
}

Strings heavy_headers(const Files& files) {
  Strings out;
  for (const auto& one : includes(files)) {
    if (is_header(one.file) && one.header == "torch/torch.h") {
      out.push_back(one.where + ", all of LibTorch, and with it every file that includes this one. Include what is used");
    }
    if (one.header == "mpi.h" && one.file != kMpi) {
      out.push_back(one.where + ". Only " + kMpi + ", a module of its own, may: go through scout/train/ranks/transport.h");
    }
  }
  return out;
}

/// Whether `line` holds `word` with no letter, digit or underscore beside it.
bool has_word(std::string_view line, std::string_view word) {
  const auto letter = [&](std::size_t i) { return i < line.size() && (std::isalnum(line[i]) || line[i] == '_'); };
  for (auto at = line.find(word); at != std::string_view::npos; at = line.find(word, at + 1)) {
    if (!(at > 0 && letter(at - 1)) && !letter(at + word.size())) return true;
  }
  return false;
}

Strings words_that_are_gone(const Files& files) {
  Strings out;
  for (const auto& [path, lines] : files) {
    if (!path.starts_with("scout/") || path == kFirstVersion || path == kFirstVersionTest) continue;
    for (std::size_t i = 0; i < lines.size(); ++i) {
      if (!has_word(lines[i], "form")) continue;
      out.push_back(path + ":" + std::to_string(i + 1) +
                    ": the word `form`. Say `rule`: what a policy is, its entry in the " + "table of rules says; only " +
                    kFirstVersion + " reads the option of old files");
    }
  }
  return out;
}

Strings bare_dumps(const Files& files) {
  Strings out;
  for (const auto& [path, lines] : files) {
    if (!path.starts_with("scout/") || is_test(path) || path == kJsonText) continue;
    for (std::size_t i = 0; i < lines.size(); ++i) {
      if (lines[i].find(".dump(") == std::string::npos) continue;
      out.push_back(path + ":" + std::to_string(i + 1) +
                    ": dump() throws at text that is not UTF-8, such as a path in Latin-1. Use json_text");
    }
  }
  return out;
}

Strings long_files(const Files& files) {
  Strings out;
  for (const auto& [path, lines] : files) {
    if (path.ends_with(".md") || lines.size() <= kLongestFile) continue;
    out.push_back(path + ": " + std::to_string(lines.size()) + " lines, more than " + std::to_string(kLongestFile) +
                  ". Split it by what it does");
  }
  return out;
}

Strings wide_prose(const Files& files) {
  Strings out;
  for (const auto& [path, lines] : files) {
    if (!path.ends_with(".md")) continue;
    bool code = false;
    for (std::size_t i = 0; i < lines.size(); ++i) {
      const std::string& line = lines[i];
      const auto text = line.find_first_not_of(' ');
      if (text == std::string::npos) continue;
      if (line.compare(text, 3, "```") == 0) code = !code;
      const bool prose =
          !code && line[text] != '|' && line.find("](") == std::string::npos && line.find("://") == std::string::npos;
      const auto width = std::count_if(line.begin(), line.end(), [](char c) { return (c & 0xc0) != 0x80; });  // of UTF-8
      if (prose && static_cast<std::size_t>(width) > kWidestProse) {
        out.push_back(path + ":" + std::to_string(i + 1) + ": " + std::to_string(width) + " characters, more than " +
                      std::to_string(kWidestProse) + ". Wrap it");
      }
    }
  }
  return out;
}

/// The words of a line.
Strings words(const std::string& line) {
  Strings out(1);
  for (const char c : line) {
    if (std::isalnum(static_cast<unsigned char>(c)) || c == '_') {
      out.back() += c;
    } else if (!out.back().empty()) {
      out.emplace_back();
    }
  }
  if (out.back().empty()) out.pop_back();
  return out;
}

/// Rows (of learners, explorers, rules, baselines) that are defined or declared, and stand in no table: the tests that run
/// over the table would not see them.
Strings rows_left_out(const Files& files) {
  struct Table {
    std::string file;
    std::set<std::string> rows;
  };
  std::map<std::string, Table> tables;  // by the type of their rows
  for (const auto& [path, lines] : files) {
    if (!path.starts_with("scout/") || is_test(path)) continue;
    for (std::size_t i = 0; i < lines.size(); ++i) {
      const Strings here = words(lines[i]);  // static const std::vector<ROW> table{...};
      if (here.size() < 6 || here[0] != "static" || here[3] != "vector" || here[5] != "table") continue;
      Table& table = tables[here[4]];
      table.file = path;
      for (std::size_t k = i; k < lines.size(); ++k) {
        for (const auto& word : words(lines[k])) table.rows.insert(word);
        if (lines[k].ends_with("};")) break;
      }
    }
  }
  Strings out;
  for (const auto& [path, lines] : files) {
    if (!path.starts_with("scout/") || is_test(path)) continue;
    for (std::size_t i = 0; i < lines.size(); ++i) {
      if (lines[i].starts_with(' ') || lines[i].find_first_of("&*") < lines[i].find_first_of("{(;")) continue;
      Strings here = words(lines[i].substr(0, lines[i].find("//")));
      if (!here.empty() && here.front() == "extern") here.erase(here.begin());
      if (!here.empty() && here.front() == "const") here.erase(here.begin());
      if (here.size() < 2 || !tables.contains(here.front())) continue;
      const Table& table = tables[here.front()];
      const bool list = lines[i].find_first_of("{(") == std::string::npos;  // extern const ROW a, b, c;
      for (std::size_t k = 1; k < (list ? here.size() : 2); ++k) {
        if (table.rows.contains(here[k])) continue;
        out.push_back(path + ":" + std::to_string(i + 1) + ": " + here[k] + " is a " + here.front() + " that " + table.file +
                      " does not list. Add it to the table there");
      }
    }
  }
  return out;
}

Files read_repository() {
  const fs::path root = SCOUT_SOURCE;
  const std::set<std::string> endings{".cc", ".h", ".cmake", ".sh", ".py", ".md"};
  Files out;
  const auto take = [&](const fs::path& path) {
    if (!endings.contains(path.extension().string()) && path.filename() != "CMakeLists.txt") return;
    std::ifstream file(path);
    Strings& lines = out[path.lexically_relative(root).string()];
    for (std::string line; std::getline(file, line);) lines.push_back(line);
  };
  for (const auto& entry : fs::directory_iterator(root)) {
    if (entry.is_regular_file()) take(entry.path());
  }
  for (const char* folder :
       {"benchmarks", "cmake", "docs", "examples", "fuzz", "reliability", "scout", "scripts", "tests"}) {
    for (const auto& entry : fs::recursive_directory_iterator(root / folder)) {
      if (entry.is_regular_file()) take(entry.path());
    }
  }
  return out;
}

/// Complaints are printed a line each.
void expect_none(const Strings& complaints) {
  std::string text;
  for (const auto& complaint : complaints) text += "\n" + complaint;
  EXPECT_TRUE(complaints.empty()) << text;
}

TEST(Repository, NoFolderIncludesOneThatLeadsBackToIt) { expect_none(circles(read_repository())); }
TEST(Repository, DeploymentIncludesNothingOfTraining) { expect_none(leaks_into_deployment(read_repository())); }
TEST(Repository, HeavyHeadersStayInFewFiles) { expect_none(heavy_headers(read_repository())); }
TEST(Repository, WordsThatAreGoneStayGone) { expect_none(words_that_are_gone(read_repository())); }
TEST(Repository, JsonIsWrittenWhateverTheText) { expect_none(bare_dumps(read_repository())); }
TEST(Repository, FilesAreShort) { expect_none(long_files(read_repository())); }
TEST(Repository, ProseIsNarrow) { expect_none(wide_prose(read_repository())); }
TEST(Repository, TablesAreWhole) { expect_none(rows_left_out(read_repository())); }
TEST(Repository, IsAllRead) {
  const Files files = read_repository();
  EXPECT_GT(files.size(), 300u);
  for (const char* file : {"README.md", "CMakeLists.txt", "test.sh", "docs/architecture.md", "tests/repository_test.cc",
                           kFirstVersion, kFirstVersionTest, kMpi}) {
    EXPECT_TRUE(files.contains(file)) << file << ": moved? Then put it right above";
  }
}

TEST(RepositoryRules, SeeCircles) {
  Files files{{"scout/a/x.h", {"#pragma once", "#include \"scout/b/y.h\""}}, {"scout/b/y.h", {"#include \"scout/c/z.h\""}}};
  EXPECT_THAT(circles(files), IsEmpty());
  files["scout/c/z_test.cc"] = {"#include \"scout/a/x.h\""};
  EXPECT_THAT(circles(files), IsEmpty()) << "a test may include what it likes";
  files["scout/c/z.cc"] = {"#include \"scout/c/z.h\"", "#include \"scout/b/y.h\""};
  EXPECT_THAT(circles(files), ElementsAre(HasSubstr("scout/b/y.h:1: includes scout/c/z.h, and scout/c leads back"),
                                          HasSubstr("scout/c/z.cc:2")));
  files["scout/c/z.cc"] = {"#include \"scout/a/x.h\""};
  EXPECT_THAT(circles(files),
              ElementsAre(HasSubstr("scout/a/x.h:2"), HasSubstr("scout/b/y.h:1"), HasSubstr("scout/c/z.cc:1")))
      << "a circle of three";
}

TEST(RepositoryRules, SeeLeaks) {
  const Files files{{"scout/policy/rule/x.h", {"#include <vector>", "#include \"scout/problem/instance.h\""}},
                    {"scout/policy/rule/y.cc", {"#include <ATen/ATen.h>"}},
                    {"scout/optimizer/z.cc", {"#include \"scout/train/trainer.h\""}},
                    {"scout/train/t.cc", {"#include <torch/types.h>"}}};
  EXPECT_THAT(leaks_into_deployment(files),
              ElementsAre(HasSubstr("scout/optimizer/z.cc:1"), HasSubstr("scout/policy/rule/y.cc:1: includes ATen/ATen.h")));
}

TEST(RepositoryRules, SeeHeavyHeaders) {
  const Files files{{"scout/torch/x.h", {"#include <torch/torch.h>"}},
                    {"scout/torch/x.cc", {"#include <torch/torch.h>"}},
                    {"scout/train/ranks/y.cc", {"#include <mpi.h>"}},
                    {kMpi, {"#include <mpi.h>"}}};
  EXPECT_THAT(heavy_headers(files), ElementsAre(HasSubstr("scout/torch/x.h:1"), HasSubstr("scout/train/ranks/y.cc:1")));
}

TEST(RepositoryRules, SeeWords) {
  const Files files{{"scout/a.cc", {"int form;", "int form_of, platform, formula;", "x.form=1"}}, {kFirstVersion, {"form"}}};
  EXPECT_THAT(words_that_are_gone(files), ElementsAre(HasSubstr("scout/a.cc:1:"), HasSubstr("scout/a.cc:3:")));
}

TEST(RepositoryRules, SeeDumps) {
  const Files files{{"scout/a.cc", {"x = json.dump();", "y = dump(z);"}}, {kJsonText, {"json.dump(1)"}}};
  EXPECT_THAT(bare_dumps(files), ElementsAre(HasSubstr("scout/a.cc:1: dump() throws")));
}

TEST(RepositoryRules, SeeRowsLeftOut) {
  Files files{{"scout/a/learners.h", {"extern const Learner ddpg, es;  // and others", "extern const Learner sgd;"}},
              {"scout/a/learners.cc", {"  static const std::vector<Learner> table{", "      learner::ddpg,", "  };", "es"}},
              {"scout/a/es.cc", {"const Learner es{\"es\"};", "const Learner& of(int);", "  const Learner local{};"}},
              {"scout/b/rules.cc",
               {"Rule one();  // scout/b/one.cc", "Rule two();", "  static const std::vector<Rule> table{one()};",
                "Rule find(int);"}},
              {"scout/b/one.cc", {"Rule one() {"}}};
  EXPECT_THAT(rows_left_out(files),
              ElementsAre(HasSubstr("scout/a/es.cc:1: es is a Learner that scout/a/learners.cc does not list"),
                          HasSubstr("scout/a/learners.h:1: es"), HasSubstr("scout/a/learners.h:2: sgd"),
                          HasSubstr("scout/b/rules.cc:2: two is a Rule"), HasSubstr("scout/b/rules.cc:4: find")));
  files["scout/a/learners.cc"][1] = "      learner::ddpg, learner::es, learner::sgd,";
  files["scout/b/rules.cc"] = {"Rule one();", "  static const std::vector<Rule> table{one()};"};
  EXPECT_THAT(rows_left_out(files), IsEmpty());
}

TEST(RepositoryRules, SeeLongFilesAndWideProse) {
  const std::string wide(101, 'x');
  std::string umlauts;
  for (int i = 0; i < 100; ++i) umlauts += "ö";
  const Files files{{"scout/a.cc", Strings(451, wide)},
                    {"scout/b.cc", Strings(450, "")},
                    {"docs/a.md", {wide, umlauts, "", "| " + wide, "[x](y) " + wide, "```", wide, "```", "  " + wide}}};
  EXPECT_THAT(long_files(files), ElementsAre(HasSubstr("scout/a.cc: 451 lines")));
  EXPECT_THAT(wide_prose(files), ElementsAre(HasSubstr("docs/a.md:1: 101"), HasSubstr("docs/a.md:9: 103")));
}

}  // namespace
