// Dictionary: ids, budget, reuse by era and epoch, and readers beside the writer (run under TSan too).
#include "core/dictionary.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <map>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace marquee {
namespace {

std::string text_of(std::uint64_t i) {
  std::string text = "t";
  text.append(std::to_string(i));
  if (i % 3 == 0) text.append(i % 40, '-');  // beyond what stands in a slot
  return text;
}

// With what a View may read behind it.
std::string padded(std::string_view text) {
  return std::string(text).append(kTextSlack, 'x');
}

std::uint32_t look_up(const Dictionary& dictionary, std::string_view text) {
  const Dictionary::View view = dictionary.view();
  const std::string memory = padded(text);
  const std::string_view asked = std::string_view(memory).substr(0, text.size());
  EXPECT_EQ(view.hash(asked), dictionary.hash(text));
  return view.find(asked, view.hash(asked));
}

TEST(Dictionary, GivesDenseIdsFromOneOn) {
  Dictionary dictionary(1000);
  EXPECT_EQ(look_up(dictionary, "a"), Dictionary::kNone);
  EXPECT_EQ(dictionary.find_or_give("a"), 1u);
  EXPECT_EQ(dictionary.find_or_give("b"), 2u);
  EXPECT_EQ(dictionary.find_or_give("a"), 1u);
  EXPECT_EQ(look_up(dictionary, "a"), 1u);
  EXPECT_EQ(dictionary.text(2), "b");
  EXPECT_EQ(dictionary.live_count(), 2u);
  EXPECT_EQ(dictionary.id_bound(), 3u);
}

TEST(Dictionary, TextsOfEveryLengthAreToldApart) {
  Dictionary dictionary(10'000, 99);
  std::vector<std::string> texts;
  for (std::size_t n = 0; n <= 256; ++n) {
    texts.push_back(std::string(n, 'x'));
    if (n > 0) texts.push_back(std::string(n - 1, 'x').append("y"));
    if (n > 1) texts.push_back(std::string("y").append(n - 1, 'x'));
    if (n > 0) texts.push_back(std::string(n, '\0'));
  }
  for (std::size_t i = 0; i < texts.size(); ++i) EXPECT_EQ(dictionary.find_or_give(texts[i]), i + 1) << i;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    EXPECT_EQ(look_up(dictionary, texts[i]), i + 1);
    EXPECT_EQ(dictionary.text(static_cast<std::uint32_t>(i + 1)), texts[i]);
  }
}

TEST(Dictionary, KeepsItsIdsAndTextsWhileItGrows) {
  Dictionary dictionary(300'000);
  for (std::uint32_t i = 0; i < 200'000; ++i) ASSERT_EQ(dictionary.find_or_give(text_of(i)), i + 1);
  for (std::uint32_t i = 0; i < 200'000; ++i) {
    ASSERT_EQ(look_up(dictionary, text_of(i)), i + 1);
    ASSERT_EQ(dictionary.text(i + 1), text_of(i));
  }
  EXPECT_EQ(look_up(dictionary, "t200000x"), Dictionary::kNone);
  EXPECT_TRUE(dictionary.has_garbage());
  const std::size_t with_old_tables = dictionary.memory_bytes();
  dictionary.reclaim(0, 0);
  EXPECT_FALSE(dictionary.has_garbage());
  EXPECT_LT(dictionary.memory_bytes(), with_old_tables);
}

TEST(Dictionary, RefusesBeyondItsBudgetAndStillKnowsTheRest) {
  Dictionary dictionary(3);
  for (const char* text : {"a", "b", "c"}) EXPECT_NE(dictionary.find_or_give(text), Dictionary::kRefused);
  EXPECT_TRUE(dictionary.full());
  EXPECT_EQ(dictionary.find_or_give("d"), Dictionary::kRefused);
  EXPECT_EQ(dictionary.find_or_give("b"), 2u);
  EXPECT_EQ(look_up(dictionary, "d"), Dictionary::kNone);
}

TEST(Dictionary, ARetiredIdIsNotFoundAndNotReusedBeforeItsEraAndEpochAreOver) {
  Dictionary dictionary(2);
  dictionary.set_now(5, 7);
  const std::uint32_t a = dictionary.find_or_give("a");
  dictionary.find_or_give("b");
  dictionary.retire(a);
  EXPECT_EQ(look_up(dictionary, "a"), Dictionary::kNone);
  EXPECT_EQ(look_up(dictionary, "b"), 2u);
  EXPECT_FALSE(dictionary.live(a));
  EXPECT_EQ(dictionary.text(a), "a") << "partials still name it";
  EXPECT_EQ(dictionary.find_or_give("c"), Dictionary::kRefused);
  dictionary.reclaim(4, 100);
  EXPECT_EQ(dictionary.find_or_give("c"), Dictionary::kRefused) << "a batch of era 5 may still hold it";
  dictionary.reclaim(100, 6);
  EXPECT_EQ(dictionary.find_or_give("c"), Dictionary::kRefused) << "epoch 7 has not committed";
  dictionary.reclaim(5, 7);
  EXPECT_EQ(dictionary.find_or_give("c"), a);
  EXPECT_EQ(dictionary.text(a), "c");
  EXPECT_EQ(look_up(dictionary, "a"), Dictionary::kNone);
}

TEST(Dictionary, ARetiredTextThatComesBackGetsAnotherId) {
  Dictionary dictionary(10);
  const std::uint32_t a = dictionary.find_or_give("a");
  dictionary.retire(a);
  const std::uint32_t again = dictionary.find_or_give("a");
  EXPECT_NE(again, a);
  EXPECT_EQ(look_up(dictionary, "a"), again);
  dictionary.reclaim(0, 0);
  EXPECT_EQ(look_up(dictionary, "a"), again);
}

TEST(Dictionary, ChurnNeitherGrowsTheTableNorTheTexts) {
  Dictionary dictionary(1000);
  std::size_t settled = 0;
  for (std::uint32_t round = 0; round < 300; ++round) {
    dictionary.set_now(round, round);
    std::vector<std::uint32_t> ids;
    for (std::uint32_t i = 0; i < 900; ++i) {
      std::string text = "round-";
      text.append(std::to_string(round)).append("-of-many-texts-").append(std::to_string(i));
      ids.push_back(dictionary.find_or_give(text));
      ASSERT_NE(ids.back(), Dictionary::kRefused);
    }
    for (const std::uint32_t id : ids) dictionary.retire(id);
    dictionary.reclaim(round, round);
    if (round == 50) settled = dictionary.memory_bytes();
  }
  EXPECT_LE(dictionary.memory_bytes(), settled * 2);
  EXPECT_LE(dictionary.id_bound(), 1001u);
}

TEST(Dictionary, AClearedDictionaryStartsAgain) {
  Dictionary dictionary(1000);
  for (std::uint32_t i = 0; i < 900; ++i) dictionary.find_or_give(text_of(i));
  dictionary.retire(3);
  dictionary.clear();
  EXPECT_EQ(dictionary.live_count(), 0u);
  EXPECT_FALSE(dictionary.has_garbage());
  EXPECT_EQ(look_up(dictionary, text_of(5)), Dictionary::kNone);
  EXPECT_EQ(dictionary.find_or_give("x"), 1u);
}

TEST(Dictionary, RandomUseAgreesWithAMap) {
  const char* const given = std::getenv("MARQUEE_SEED");
  const std::uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device()();
  SCOPED_TRACE("MARQUEE_SEED=" + std::to_string(seed));
  std::mt19937_64 random(seed);
  Dictionary dictionary(400, seed);
  std::map<std::string, std::uint32_t> live;
  std::set<std::uint32_t> retired;
  for (std::uint64_t step = 0; step < 60'000; ++step) {
    dictionary.set_now(step / 1000, step / 1000);
    const std::string text = text_of(random() % 900);
    const auto found = live.find(text);
    switch (random() % 4) {
      case 0:
        ASSERT_EQ(look_up(dictionary, text), found == live.end() ? Dictionary::kNone : found->second);
        break;
      case 1:
        if (found != live.end()) {
          dictionary.retire(found->second);
          retired.insert(found->second);
          live.erase(found);
        }
        break;
      default: {
        const std::uint32_t id = dictionary.find_or_give(text);
        if (found != live.end()) {
          ASSERT_EQ(id, found->second);
        } else if (id == Dictionary::kRefused) {
          ASSERT_TRUE(dictionary.full());
        } else {
          ASSERT_FALSE(retired.contains(id)) << "reused too early";
          for (const auto& [other, other_id] : live) ASSERT_NE(other_id, id) << other;
          live[text] = id;
        }
      }
    }
    if (step % 1500 == 0) {
      dictionary.reclaim(step / 1000, step / 1000);
      retired.clear();
    }
  }
  ASSERT_EQ(dictionary.live_count(), live.size());
  for (const auto& [text, id] : live) ASSERT_EQ(dictionary.text(id), text);
}

// Readers look up texts while the writer gives, retires, grows and reclaims, keeping to the contract: a reader takes a
// View for one "batch", notes the era in which it began, and the writer reclaims only eras that no batch is left of.
// Who had which id when is compared afterwards.
TEST(DictionaryConcurrency, ReadersSeeTheRightIdOrNoneWhileTheWriterWorks) {
  constexpr std::size_t kReaders = 3;
  constexpr std::uint64_t kIdle = ~std::uint64_t{0};
  constexpr std::uint32_t kTexts = 6000;
  constexpr std::size_t kFindingsMax = 100'000;
  struct Finding {
    std::uint32_t text;
    std::uint32_t id;
    std::uint64_t batch_began;
    std::uint64_t batch_ended;
  };
  struct Given {
    std::uint32_t text;
    std::uint64_t from;
    std::uint64_t to;
  };
  Dictionary dictionary(4000, 7);
  std::atomic<std::uint64_t> era{1};
  std::array<std::atomic<std::uint64_t>, kReaders> reading;
  for (auto& r : reading) r.store(kIdle);
  std::atomic<bool> stop{false};
  std::atomic<std::uint64_t> batches{0};
  std::vector<std::string> texts;
  std::vector<std::string> memory;
  for (std::uint32_t i = 0; i < kTexts; ++i) memory.push_back(padded(text_of(i)));
  std::vector<std::string_view> asked;
  for (std::uint32_t i = 0; i < kTexts; ++i) {
    texts.push_back(text_of(i));
    asked.push_back(std::string_view(memory[i]).substr(0, texts[i].size()));
  }

  std::array<std::vector<Finding>, kReaders> findings;
  std::vector<std::thread> readers;
  for (std::size_t r = 0; r < kReaders; ++r) {
    readers.emplace_back([&, r] {
      std::mt19937_64 random(r);
      while (!stop.load(std::memory_order_relaxed)) {
        // As the pool does: the era is announced, then read again, so the writer cannot have passed it unseen.
        std::uint64_t began = era.load();
        reading[r].store(began);
        while (era.load() != began) {
          began = era.load();
          reading[r].store(began);
        }
        const std::size_t first = findings[r].size();
        const Dictionary::View view = dictionary.view();
        for (int i = 0; i < 64; ++i) {
          const auto t = static_cast<std::uint32_t>(random() % kTexts);
          const std::uint64_t hash = view.hash(asked[t]);
          view.prefetch(hash);
          const std::uint32_t id = view.find(asked[t], hash);
          if (id != Dictionary::kNone && findings[r].size() < kFindingsMax) findings[r].push_back({t, id, began, 0});
        }
        const std::uint64_t ended = era.load();
        for (std::size_t i = first; i < findings[r].size(); ++i) findings[r][i].batch_ended = ended;
        reading[r].store(kIdle);
        batches.fetch_add(1, std::memory_order_relaxed);
      }
    });
  }

  std::mt19937_64 random(99);
  std::vector<std::uint32_t> live(kTexts, 0);
  std::vector<std::vector<Given>> history(4001);  // by id
  for (int round = 0; round < 400 || batches.load() < 400; ++round) {
    const std::uint64_t now = era.load();
    dictionary.set_now(now, 0);
    for (int i = 0; i < 100; ++i) {
      const auto t = static_cast<std::uint32_t>(random() % kTexts);
      if (live[t] != 0) {
        dictionary.retire(live[t]);
        history[live[t]].back().to = now;
        live[t] = 0;
      } else if (!dictionary.full()) {
        live[t] = dictionary.find_or_give(texts[t]);
        ASSERT_NE(live[t], Dictionary::kRefused);
        history[live[t]].push_back({t, now, kIdle});
      }
    }
    era.store(now + 1);
    std::uint64_t oldest = now + 1;
    for (const auto& r : reading) oldest = std::min(oldest, r.load());
    dictionary.reclaim(oldest - 1, 0);
  }
  stop.store(true);
  for (std::thread& reader : readers) reader.join();

  std::size_t checked = 0;
  for (const auto& of_reader : findings) {
    for (const Finding& f : of_reader) {
      ++checked;
      ASSERT_GE(f.id, 1u);
      ASSERT_LE(f.id, 4000u);
      bool had_it = false;
      for (const Given& given : history[f.id]) {
        if (given.text == f.text) {
          had_it = had_it || (given.from <= f.batch_ended && given.to >= f.batch_began);
        } else {
          EXPECT_FALSE(f.batch_began < given.from && given.from < f.batch_ended)
              << "id " << f.id << " was given to another text while a batch that had found it was being filled";
        }
      }
      EXPECT_TRUE(had_it) << "text " << f.text << " never had id " << f.id << " in eras " << f.batch_began << " to "
                          << f.batch_ended;
    }
  }
  EXPECT_GT(checked, 0u);
}

}  // namespace
}  // namespace marquee
