// Neighbours have no say: a record's outcome among others is its outcome alone, whatever stands beside it.
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>
#include <vector>

#include "decode_fixture.hpp"

namespace marquee::test {
namespace {

JobSpec agreement_job() {
  JobSpec job = plain_job();
  job.event.where = {{{{"action"}}, {"play", "heartbeat"}}};
  return job;
}

// A few producers, each with its own layout of the same fields.
std::string produced(std::mt19937_64& random) {
  const auto pick = [&random](std::size_t n) { return static_cast<std::size_t>(random() % n); };
  const std::string item = std::to_string(pick(50)), at = std::to_string(1000 + pick(100000));
  const char* const titles[] = {"Heat", "Amélie", "A \\\"quoted\\\" one", "\\u0041lien", ""};
  const std::string title = titles[pick(5)];
  switch (pick(6)) {
    case 0:
      return R"({"action":"play","content_id":"m-)" + item + R"(","category":"movie","event_time":)" + at +
             R"(,"watch_ms":12})";
    case 1:
      return R"({"content_id":)" + item + R"(,"title":")" + title + R"(","category":true,"event_time":")" + at +
             R"(","action":"heartbeat","geo":{"country":"de"},"watch_ms":1.5e2})";
    case 2:
      return R"({ "action" : "play", "category" : "show", "content_id" : "s-)" + item + R"(", "event_time" : )" + at +
             R"(, "tags" : ["a", "b"], "geo" : { "city" : "x", "country" : null } })";
    case 3:
      return R"({"action":"stop","content_id":"m-)" + item + R"(","event_time":)" + at +
             R"(,"device":{"os":"tv","v":[1,2,{"x":[]}]}})";
    case 4:
      return R"({"geo":{"country":"fr","geo":{"country":"x"}},"watch_ms":null,"event_time":)" + at +
             R"(,"category":"live","content_id":"l-)" + item + R"(","action":"play","title":")" + title + R"("})";
    default:
      return R"({"event_id":"5f1c7a70-6c1c-4f0e-9e57-0d9f6a3f2b11","action":"play","user_id":"u-)" + item + item +
             R"(","content_id":"m-)" + item + R"(","category":"movie","geo":{"country":"de"},"event_time":)" + at +
             R"(,"watch_ms":30000})";
  }
}

void mutate(std::string& s, std::mt19937_64& random) {
  constexpr std::string_view kLetters = "{}[]\",:\\ \t\r0123456789-+.eEtrufalsn\x01\x7f\x80\xc3\xa9\xff_ad";
  for (std::size_t n = 1 + random() % 3; n > 0 && !s.empty(); --n) {
    const std::size_t at = random() % s.size();
    const char letter = kLetters[random() % kLetters.size()];
    switch (random() % 5) {
      case 0:
        s[at] = letter;
        break;
      case 1:
        s.erase(at, 1 + random() % 3);
        break;
      case 2:
        s.insert(at, 1, letter);
        break;
      case 3:
        s.resize(at);
        break;
      default:
        s.insert(at, s.substr(random() % s.size(), random() % 12));
        break;
    }
  }
}

TEST(Agreement, AmongOthersAsAlone) {
  const std::uint64_t start = seed();
  SCOPED_TRACE("MARQUEE_SEED=" + std::to_string(start));
  std::mt19937_64 random(start);
  const JobSpec job = agreement_job();
  std::map<Verdict, std::size_t> seen;
  Bench alone(job);
  for (int round = 0; round < 60; ++round) {
    // Rounds differ in how many layouts and how many mutants they mix.
    std::vector<std::string> records;
    const std::string steady = produced(random);
    const std::uint64_t mutants = random() % 40, wild = random() % 100;
    for (std::size_t i = 0; i < 400; ++i) {
      std::string r = random() % 100 < wild ? produced(random) : steady;
      if (random() % 100 < mutants) mutate(r, random);
      if (r.find('\n') == std::string::npos) records.push_back(r);
    }
    Bench among(job);
    for (const std::string& r : records) among.append(r);
    const std::vector<Outcome> all = among.run(Framing::kLines);
    std::size_t at = 0;
    for (const std::string& r : records) {
      alone.batch.clear();
      alone.append(r);
      Decoder fresh(job, alone.items, alone.combinations);
      split_records(alone.batch, 0, Framing::kLines);
      if (alone.batch.records.empty()) continue;
      fresh.decode(alone.batch, 0, alone.batch.records.size());
      alone.give_ids();
      ASSERT_LT(at, all.size());
      ASSERT_EQ(all[at], alone.outcomes()[0]) << r;
      ++seen[all[at].verdict];
      ++at;
    }
    ASSERT_EQ(at, all.size());
  }
  for (const Verdict v : {Verdict::kCounted, Verdict::kFiltered, Verdict::kMalformed})
    EXPECT_GT(seen[v], 100u) << name_of(v);
}

}  // namespace
}  // namespace marquee::test
