#include "scout/data/images.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "scout/data/test_files.h"

namespace scout {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

std::string error_of(const ImageDataSet& set, const fs::path& folder) {
  try {
    load_images(set, folder);
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "no error";
}

TEST(Images, ReadsIdxFilesCompressedAndNot) {
  const TemporaryFolder folder;
  const ImageDataSet set = small_idx();
  EXPECT_FALSE(is_present(set, folder.path()));
  write_small_idx(set, folder.path());
  EXPECT_TRUE(is_present(set, folder.path()));
  const auto images = load_images(set, folder.path());
  EXPECT_EQ(images.train.count(), 20U);
  EXPECT_EQ(images.train.image_size(), 16U);
  EXPECT_EQ(images.train.pixels, pattern(320, 7));
  EXPECT_EQ(images.train.labels, labels_below(20, 3));
  EXPECT_EQ(images.test.pixels, pattern(160, 11));

  const fs::path file = folder.path() / set.folder / set.train_files[0];
  fs::remove(file);
  write_file(file.parent_path() / file.stem(), idx({20, 4, 4}, pattern(320, 9)));
  EXPECT_EQ(load_images(set, folder.path()).train.pixels, pattern(320, 9));
}

TEST(Images, ReadsTheNamesAndFoldersThatOtherProgramsGive) {
  const TemporaryFolder folder;
  const ImageDataSet set = small_idx();
  write_small_idx(set, folder.path());
  const fs::path home = folder.path() / set.folder;
  for (const auto* files : {&set.train_files, &set.test_files}) {
    for (std::string name : *files) {
      const fs::path from = home / name;
      name[name.find("-idx")] = '.';
      fs::rename(from, home / name);  // as in the archive: train-images.idx3-ubyte
    }
  }
  EXPECT_TRUE(is_present(set, folder.path()));
  EXPECT_EQ(load_images(set, folder.path()).train.pixels, pattern(320, 7));
  fs::create_directories(folder.path() / "MNIST");
  fs::rename(home, folder.path() / "MNIST/raw");
  EXPECT_TRUE(is_present(set, folder.path()));
  EXPECT_EQ(load_images(set, folder.path()).test.pixels, pattern(160, 11));
  EXPECT_EQ(image_data_set("fashion-mnist").other_folder, "FashionMNIST/raw");
}

TEST(Images, AFileThatBrokeOffDoesNotHideAnIntactOne) {
  const TemporaryFolder folder;
  const ImageDataSet set = small_idx();
  write_small_idx(set, folder.path());
  const fs::path file = folder.path() / set.folder / set.train_files[0];
  const Bytes whole = read_file(file);
  write_file(file, Bytes(whole.begin(), whole.begin() + 40));
  EXPECT_THAT(error_of(set, folder.path()), HasSubstr(file.string()));
  write_file(file.parent_path() / file.stem(), idx({20, 4, 4}, pattern(320, 9)));
  EXPECT_EQ(load_images(set, folder.path()).train.pixels, pattern(320, 9));
  write_file(file, whole);
  write_file(file.parent_path() / file.stem(), {1, 2, 3});
  EXPECT_EQ(load_images(set, folder.path()).train.pixels, pattern(320, 7)) << "the other way round";

  const ImageDataSet cifar = small_cifar();
  write_small_cifar(cifar, folder.path());
  write_file(folder.path() / cifar.folder / "one.bin.gz", {31, 139, 8});
  EXPECT_EQ(load_images(cifar, folder.path()).test.pixels, pattern(240, 13));
}

TEST(Images, NearMissesAreNamed) {
  const TemporaryFolder folder;
  const ImageDataSet set = small_idx();
  write_small_idx(set, folder.path());
  for (const auto& entry : fs::directory_iterator(folder.path() / set.folder)) {
    fs::rename(entry.path(), folder.path() / entry.path().filename());
  }
  EXPECT_THAT(error_of(set, folder.path()),
              HasSubstr(folder.path().string() + " itself has files of such a name: they belong into " +
                        (folder.path() / set.folder).string()));
  fs::create_directories(folder.path() / "cifar-10-batches-py");
  const std::string python = "cifar-10-batches-py is the version for Python";
  EXPECT_THAT(error_of(image_data_set("cifar-10"), folder.path()), HasSubstr(python));
  EXPECT_THAT(error_of(image_data_set("cifar-100"), folder.path()), testing::Not(HasSubstr(python)));
}

TEST(Images, AFolderInTheFilesPlaceIsNone) {
  const TemporaryFolder folder;
  const ImageDataSet set = small_idx();
  std::string name = set.train_files.front();
  if (name.ends_with(".gz")) name.resize(name.size() - 3);
  fs::create_directories(folder.path() / set.folder / name);
  EXPECT_FALSE(is_present(set, folder.path()));
  EXPECT_THAT(error_of(set, folder.path()), HasSubstr((folder.path() / set.folder / name).string() + " is a folder"));
}

TEST(Images, ReadsCifarRecords) {
  const TemporaryFolder folder;
  const ImageDataSet set = small_cifar();
  write_small_cifar(set, folder.path());
  const auto images = load_images(set, folder.path());
  EXPECT_EQ(images.train.count(), 20U);
  EXPECT_EQ(images.train.image_size(), 48U);
  Bytes pixels = pattern(480, 3);
  const Bytes second = pattern(480, 5);
  pixels.insert(pixels.end(), second.begin(), second.end());
  EXPECT_EQ(images.train.pixels, pixels);
  Bytes labels = labels_below(10, 5);
  const Bytes second_labels = labels_below(10, 4);
  labels.insert(labels.end(), second_labels.begin(), second_labels.end());
  EXPECT_EQ(images.train.labels, labels);
  EXPECT_EQ(images.test.pixels, pattern(240, 13));
}

TEST(Images, ErrorsNameFileExpectedFoundAndTheWayOut) {
  const TemporaryFolder folder;
  const ImageDataSet set = small_idx();
  EXPECT_THAT(error_of(set, folder.path()),
              AllOf(HasSubstr("small-idx/train-images-idx3-ubyte.gz: expected a file, found none"),
                    HasSubstr("scout data fetch small-idx --data-dir " + folder.path().string()), HasSubstr("SCOUT_DATA"),
                    HasSubstr("https://"), HasSubstr("sha256:440fcabf")));
  struct Case {
    std::string file;
    Bytes content;
    std::string message;
  };
  const Bytes images = idx({20, 4, 4}, pattern(320, 7));
  const Bytes truncated(images.begin(), images.end() - 5);
  Bytes longer = images;
  longer.push_back(0);
  Bytes bad_label = labels_below(20, 3);
  bad_label[7] = 3;
  const std::vector<Case> cases{
      {set.train_files[0], idx({20}, labels_below(20, 3)), "expected the magic number 2051 of IDX images, found 2049"},
      {set.train_files[0], idx({19, 4, 4}, pattern(304, 7)), "expected 20 images, found 19"},
      {set.train_files[0], idx({20, 5, 4}, pattern(400, 7)), "expected 4 rows, found 5"},
      {set.train_files[0], truncated, "expected 320 bytes of pixels, found only 315: the file is truncated"},
      {set.train_files[0], longer, "expected the end of the file after the last example, found more bytes"},
      {set.train_files[0], {}, "expected 4 bytes of an IDX header, found only 0"},
      {set.test_files[1], idx({20}, labels_below(20, 3)), "expected 10 labels, found 20"},
      {set.train_files[1], idx({20}, bad_label), "expected labels below 3, found label 3 of example 7"},
  };
  for (const auto& [file, content, message] : cases) {
    write_small_idx(set, folder.path());
    write_gzip(folder.path() / set.folder / file, content);
    EXPECT_THAT(error_of(set, folder.path()), AllOf(HasSubstr(set.folder + "/" + file), HasSubstr(message)));
  }
}

TEST(Images, DamagedCompressionIsFound) {
  const TemporaryFolder folder;
  const ImageDataSet set = small_idx();
  write_small_idx(set, folder.path());
  const fs::path file = folder.path() / set.folder / set.train_files[0];
  const Bytes intact = read_file(file);
  for (const std::size_t cut : {std::size_t{5}, std::size_t{40}}) {
    write_file(file, Bytes(intact.begin(), intact.end() - static_cast<std::ptrdiff_t>(cut)));
    EXPECT_THAT(error_of(set, folder.path()), HasSubstr(file.string())) << cut << " bytes are missing";
  }
  for (const std::size_t place : {intact.size() / 2, intact.size() - 6}) {  // within the data; in the checksum
    Bytes damaged = intact;
    damaged[place] ^= 0x10;
    write_file(file, damaged);
    EXPECT_THAT(error_of(set, folder.path()), HasSubstr(file.string())) << "byte " << place;
  }
}

TEST(Images, BadCifarFilesAreFound) {
  const TemporaryFolder folder;
  const ImageDataSet set = small_cifar();
  write_small_cifar(set, folder.path());
  const fs::path file = folder.path() / set.folder / "two.bin";
  Bytes content = read_file(file);
  content[3 * 50 + 1] = 5;
  write_file(file, content);
  EXPECT_THAT(error_of(set, folder.path()),
              AllOf(HasSubstr("two.bin"), HasSubstr("expected labels below 5, found label 5 of example 3")));
  write_file(file, cifar_records(9, 4, 5));
  EXPECT_THAT(error_of(set, folder.path()), HasSubstr("expected 500 bytes of 10 examples, found only 450"));
  write_file(file, cifar_records(11, 4, 5));
  EXPECT_THAT(error_of(set, folder.path()), HasSubstr("more bytes"));
}

TEST(Images, TheTableAnswersByName) {
  EXPECT_EQ(image_data_set("cifar-100").classes, 100);
  try {
    image_data_set("cifar100");
    FAIL();
  } catch (const std::invalid_argument& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr("did you mean 'cifar-100'"), HasSubstr("fashion-mnist")));
  }
}

TEST(Images, DownsamplingAveragesAreas) {
  Images images{.channels = 2, .side = 3, .classes = 1};
  images.pixels = {0, 30, 60, 90, 120, 150, 180, 210, 240, 9, 9, 9, 9, 9, 9, 9, 9, 9};
  images.labels = {0};
  EXPECT_EQ(downsample(images, 3).pixels, images.pixels);
  EXPECT_EQ(downsample(images, 1).pixels, (Bytes{120, 9}));
  // Each of the four covers one and a half pixels a side: (1·0 + ½·30 + ½·90 + ¼·120) / 2.25 = 40.
  EXPECT_EQ(downsample(images, 2).pixels, (Bytes{40, 80, 160, 200, 9, 9, 9, 9}));
  EXPECT_EQ(downsample(images, 2).labels, images.labels);
  EXPECT_THROW(downsample(images, 4), std::invalid_argument);
  EXPECT_THROW(downsample(images, 0), std::invalid_argument);
}

/// The official files, where they are at hand, against published facts.
TEST(Images, OfficialFiles) {
  const fs::path folder = data_folder();
  int found = 0;
  for (const ImageDataSet& set : image_data_sets()) {
    if (!is_present(set, folder)) continue;
    ++found;
    const auto images = load_images(set, folder);
    const auto per_class = [&](const Images& part) {
      std::vector<std::size_t> counts(static_cast<std::size_t>(set.classes));
      for (const auto label : part.labels) ++counts[label];
      return counts;
    };
    EXPECT_EQ(images.train.count(), set.train_count);
    EXPECT_EQ(images.test.count(), set.test_count);
    if (set.name != "mnist") {  // the others are balanced
      EXPECT_THAT(per_class(images.train), testing::Each(set.train_count / static_cast<std::size_t>(set.classes)));
      EXPECT_THAT(per_class(images.test), testing::Each(set.test_count / static_cast<std::size_t>(set.classes)));
    } else {
      EXPECT_EQ(per_class(images.train)[1], 6742U);
      EXPECT_EQ(std::vector<std::uint8_t>(images.train.labels.begin(), images.train.labels.begin() + 5),
                (std::vector<std::uint8_t>{5, 0, 4, 1, 9}));
    }
  }
  if (found == 0) GTEST_SKIP() << "no data set in " << folder << ": set SCOUT_DATA, or `scout data fetch NAME`";
}

}  // namespace
}  // namespace scout
