// Seeded random jobs for differential tests: a configuration and the stream it is to be run on, meant to sit on every
// edge of the semantics that "To the letter" (src/README.md) fixes, and on none that it leaves open (equal keys in an
// object, syntax errors inside values that no configured path reads).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "differential/rng.hpp"
#include "oracle/job_config.hpp"
#include "oracle/oracle.hpp"
#include "oracle/records.hpp"

namespace differential {

enum class JobForm {
  kFile,   // one partition, NDJSON in `file`; what `replay` reads
  kKafka,  // one to four partitions of messages of one or many records, with timestamps
};

struct RandomJob {
  std::uint64_t seed = 0;
  JobForm form = JobForm::kFile;
  std::string toml;          // for the product's own loader; with idle_after = "never" when the form is kKafka
  oracle::JobConfig config;  // the same, for the oracle
  std::string file;                                      // kFile: its bytes
  std::vector<std::vector<oracle::Message>> partitions;  // kKafka: in offset order; offsets may leave gaps

  // Its records as the oracle splits them, by partition.
  std::vector<std::vector<oracle::Record>> records() const;
  // All of it fed to an oracle.
  oracle::Oracle judged() const;
};

// The same seed and form give the same job on every machine. Up to a few hundred records; one job in forty holds a
// record of a megabyte.
RandomJob make_random_job(std::uint64_t seed, JobForm form);

}  // namespace differential
