#include "scout/base/json_lines.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "scout/base/test_file.h"

namespace scout {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::ThrowsMessage;

class JsonLines : public FileTest {
 protected:
  nlohmann::json read(const std::string& text) const {
    write(text);
    return read_json_lines(path_);
  }
};

TEST_F(JsonLines, ALastLineWithoutANewlineCounts) {
  EXPECT_EQ(read("{\"a\":1}\n{\"a\":2}\n"), R"([{"a":1},{"a":2}])"_json);
  EXPECT_EQ(read("{\"a\":1}\n{\"a\":2}"), R"([{"a":1},{"a":2}])"_json);
  EXPECT_EQ(read("{\"a\":1}\n{\"a\":"), R"([{"a":1}])"_json) << "torn";
  EXPECT_EQ(read(std::string("{\"a\":1}\n\0\0\0", 11)), R"([{"a":1}])"_json) << "what some file systems leave after a crash";
}

TEST_F(JsonLines, EditorsOfAllKindsMayHaveWrittenThem) {
  EXPECT_EQ(read("\xEF\xBB\xBF{\"a\":1}\r\n\r\n  \n{\"a\":2}\r\n\r"), R"([{"a":1},{"a":2}])"_json);
  EXPECT_EQ(read(""), nlohmann::json::array());
}

TEST_F(JsonLines, ATornLineThatIsNotTheLastIsNamed) {
  write("{\"a\":1}\n{\"a\":\n{\"a\":3}\n");
  EXPECT_THAT([&] { read_json_lines(path_); },
              ThrowsMessage<std::invalid_argument>(HasSubstr(path_.string() + ":2: not JSON")));
}

std::string nested(int deep, const std::string& open = "[", const std::string& inner = "", const std::string& close = "]") {
  std::string out;
  for (int i = 0; i < deep; ++i) out += open;
  out += inner;
  for (int i = 0; i < deep; ++i) out += close;
  return out;
}

TEST_F(JsonLines, WhatIsNestedTooDeeplyIsRefusedBeforeItExhaustsTheStack) {
  const auto too_deep = ThrowsMessage<std::invalid_argument>(HasSubstr("nested more than 128 deep"));
  for (const int deep : {129, 1'000'000}) {
    EXPECT_THAT([&] { parse_json(nested(deep)); }, too_deep);
    EXPECT_THAT([&] { parse_json(nested(deep, "{\"a\":", "1", "}")); }, too_deep);
    EXPECT_THAT([&] { read(nested(deep) + "\n"); }, too_deep);
  }
  const auto deepest = parse_json(nested(kDeepestNesting));
  EXPECT_EQ(json_text(deepest), nested(kDeepestNesting));
  EXPECT_EQ(parse_json("\"" + nested(1000) + "\\\"[\"").get<std::string>(), nested(1000) + "\"[") << "in a string";
  EXPECT_THROW(parse_json("[1,]"), std::invalid_argument);
}

TEST_F(JsonLines, NothingIsGluedToALineWithoutANewline) {
  append_lines(path_, "{\"a\":1}\n");
  EXPECT_EQ(content(), "{\"a\":1}\n");
  write("{\"a\":1}");
  append_lines(path_, "{\"a\":2}\n");
  append_lines(path_, "{\"a\":3}\n");
  EXPECT_EQ(content(), "{\"a\":1}\n{\"a\":2}\n{\"a\":3}\n");
  EXPECT_THROW(append_lines("/nonexistent/file", "x\n"), std::runtime_error);
}

TEST_F(JsonLines, AFileIsReplacedWholeOrNotAtAll) {
  const fs::path partial = path_.string() + ".partial";
  write_atomically(path_, "one");
  EXPECT_EQ(content(), "one");
  std::ofstream(partial) << "what a kill has left, which is longer";
  write_atomically(path_, "two");
  EXPECT_EQ(content(), "two");
  EXPECT_FALSE(fs::exists(partial));
  fs::remove(path_);
  fs::create_directories(path_ / "folder");
  EXPECT_THAT([&] { write_atomically(path_, "three"); },
              ThrowsMessage<std::runtime_error>(HasSubstr("cannot write " + path_.string() + ": Is a directory")));
  EXPECT_TRUE(fs::exists(path_ / "folder"));
  EXPECT_FALSE(fs::exists(partial));
  fs::remove_all(path_);
}

TEST_F(JsonLines, ThoseWhoReplaceAFileAtOnceTakeTurns) {
  std::vector<std::thread> writers;
  for (const char letter : {'a', 'b', 'c'}) {
    writers.emplace_back([&, letter] {
      for (int k = 0; k < 20; ++k) write_atomically(path_, std::string(100000, letter));
    });
  }
  bool whole = true;
  for (int k = 0; k < 200; ++k) {
    const std::string found = content();
    whole &= found.empty() || found == std::string(100000, found[0]);
  }
  for (auto& writer : writers) writer.join();
  EXPECT_TRUE(whole);
  EXPECT_EQ(content().size(), 100000U);
  EXPECT_FALSE(fs::exists(path_.string() + ".partial"));
}

TEST(JsonText, WhatIsNotUtf8IsReplaced) {
  EXPECT_EQ(json_text({{"path", "caf\xe9.scout"}}), "{\"path\":\"caf\uFFFD.scout\"}");
  EXPECT_EQ(json_text({{"path", "caf\u00e9"}}, 1), "{\n \"path\": \"caf\u00e9\"\n}");
  EXPECT_EQ(valid_utf8("caf\xe9"), "caf\uFFFD");
  EXPECT_EQ(valid_utf8("caf\u00e9 \"\n"), "caf\u00e9 \"\n");
}

}  // namespace
}  // namespace scout
