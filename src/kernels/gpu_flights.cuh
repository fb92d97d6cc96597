// Flights: batches on their way through the device. A flight has a place for one batch's columns on the device, and
// pinned memory for what goes with them (which table a slot means, what changed since the last batch). Its batch goes
// home as soon as its columns are copied; the flight is free again when its kernels are done.
#pragma once

#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include "core/batch.hpp"
#include "kernels/gpu.cuh"
#include "kernels/gpu_tables.cuh"
#include "kernels/tuning.hpp"

namespace marquee::gpu {

// What a batch brings to a table.
struct Sent {
  std::uint32_t number;
  std::uint64_t serial;  // of the table, in case the number is another's by then
  std::uint64_t events;
};

struct Flight {
  BatchPtr batch;  // until its columns are copied
  Event copied;    // on `copies`
  Event done;      // on `compute`
  Exchange with;   // staging
  DeviceMemory columns;
  PinnedMemory counts;  // of tables, as they were when it was done
  bool flying = false;  // its last kernel was launched, and it is not known to be done
  bool reads_counts = false;
  std::uint32_t events = 0;
  const std::uint32_t* table_of = nullptr;  // on the device: see Aggregate
  std::uint64_t looks = 0;
  std::vector<Sent> sent;
};

class Flights {
 public:
  Status open(Gpu& gpu, Tables& tables, std::uint32_t events_max, std::size_t staging_bytes) {
    gpu_ = &gpu;
    tables_ = &tables;
    pitch_ = aligned(std::size_t{events_max} * 4);
    for (Flight& flight : flights_) {
      if (Status s = gpu.device.make(flight.copied); !s.ok()) return s;
      if (Status s = gpu.device.make(flight.done); !s.ok()) return s;
      if (Status s = flight.with.open(gpu, staging_bytes); !s.ok()) return s;
      if (Status s = gpu.device.allocate(flight.columns, 4 * pitch_); !s.ok()) return s;
      if (Status s = gpu.device.allocate(flight.counts, tables.counts_bytes()); !s.ok()) return s;
    }
    return {};
  }
  static std::size_t device_bytes(std::uint32_t events_max, std::size_t staging_bytes) {
    return tuning::kFlights * (4 * aligned(std::size_t{events_max} * 4) + staging_bytes);
  }

  // The next flight, free; waits for the oldest where all fly.
  Status next(Flight*& out) {
    Flight& flight = flights_[next_];
    if (flight.flying) {
      if (Status s = gpu_->wait_for(flight.done); !s.ok()) return s;
      if (Status s = poll(); !s.ok()) return s;
    }
    next_ = (next_ + 1) % flights_.size();
    out = &flight;
    return {};
  }
  // Column i of the flight's batch, on the device: item, combination, slot, watch_ms.
  const std::uint32_t* column(const Flight& flight, std::size_t i) const {
    return reinterpret_cast<const std::uint32_t*>(flight.columns.data() + i * pitch_);
  }
  // Sends columns and `staging_bytes` of what goes with them; kernels launched from now on find both.
  Status depart(Flight& flight, BatchPtr batch, std::size_t staging_bytes) {
    const Gpu& gpu = *gpu_;
    flight.batch = std::move(batch);
    const std::size_t from_pitch = flight.batch->columns_bytes() / 4;
    const std::size_t width = std::size_t{flight.batch->event_count} * 4;
    if (Status s = gpu.device.copy_runs(gpu.copies, flight.columns.data(), pitch_, flight.batch->columns_data(),
                                        from_pitch, width, 4);
        !s.ok()) {
      return s;
    }
    if (Status s = gpu.device.copy(gpu.copies, flight.with.on_device<std::byte>(), flight.with.host<std::byte>(),
                                   staging_bytes);
        !s.ok()) {
      return s;
    }
    if (Status s = gpu.device.record(flight.copied, gpu.copies); !s.ok()) return s;
    return gpu.device.wait(gpu.compute, flight.copied);
  }
  // After the flight's last kernel.
  Status land(Flight& flight) {
    if (flight.reads_counts) {
      if (Status s = tables_->start_reading_counts(flight.counts.data()); !s.ok()) return s;
    }
    flight.flying = true;
    flight.looks = tables_->looks();
    return gpu_->device.record(flight.done, gpu_->compute);
  }

  // Sends home what has been copied, frees what is done. Never waits.
  Status poll() {
    for (std::size_t i = 0; i < flights_.size(); ++i) {
      Flight& flight = flights_[(next_ + i) % flights_.size()];  // oldest first
      if (flight.batch != nullptr) {
        const Result<bool> copied = gpu_->device.passed(flight.copied);
        if (!copied.ok()) return copied.status();
        if (!copied.value()) return {};
        flight.batch.reset();
      }
      if (!flight.flying) continue;
      const Result<bool> done = gpu_->device.passed(flight.done);
      if (!done.ok()) return done.status();
      if (!done.value()) return {};  // nor is any behind it: what they say must not be learnt before
      flight.flying = false;
      if (flight.reads_counts) learn(flight);
    }
    return {};
  }
  // All of them: after a sync().
  Status arrive() {
    Status s = poll();
    for (const Flight& flight : flights_) MARQUEE_CHECK(!s.ok() || !flight.flying);
    return s;
  }
  // Waits until no more batches than these are held.
  Status hold_at_most(std::size_t batches) {
    std::size_t held = 0;
    for (const Flight& flight : flights_) held += flight.batch != nullptr ? 1 : 0;
    for (std::size_t i = 0; i < flights_.size() && held > batches; ++i) {
      Flight& flight = flights_[(next_ + i) % flights_.size()];  // oldest first
      if (flight.batch == nullptr) continue;
      if (Status s = gpu_->wait_for(flight.copied); !s.ok()) return s;
      flight.batch.reset();
      --held;
    }
    return {};
  }
  // The device is lost: batches go home as they are.
  void abandon() {
    for (Flight& flight : flights_) {
      flight.batch.reset();
      flight.flying = false;
    }
  }

 private:
  // Tables as they were when the flight was done: what is pending now was sent by those behind it.
  void learn(const Flight& flight) {
    if (flight.looks != tables_->looks()) return;
    for (const Sent& sent : flight.sent) {
      Table* const table = tables_->by_number(sent.number);
      if (table == nullptr || table->serial != sent.serial) continue;
      std::uint64_t behind = 0;
      for (const Flight& other : flights_) {
        if (!other.flying) continue;
        for (const Sent& later : other.sent) behind += later.serial == sent.serial ? later.events : 0;
      }
      const std::uint32_t keys = reinterpret_cast<const TableCounts*>(flight.counts.data())[sent.number].keys;
      MARQUEE_CHECK(keys <= table->bound());  // or a kernel could have filled the table
      if (keys + behind >= table->bound()) continue;
      table->keys = keys;
      table->pending = behind;
    }
  }

  Gpu* gpu_ = nullptr;
  Tables* tables_ = nullptr;
  std::size_t pitch_ = 0;
  std::array<Flight, tuning::kFlights> flights_;
  std::size_t next_ = 0;
};

}  // namespace marquee::gpu
