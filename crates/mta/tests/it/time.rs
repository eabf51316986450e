//! A single-threaded executor with virtual time: when nobody can go on, the clock jumps to the next timer.

use std::collections::{BTreeMap, VecDeque};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use mail::{Mono, Wall};
use tokio::sync::watch;
use world::{BoxFuture, Clock, Task, Tasks};

/// The wall clock at the start of each test.
pub(crate) const START: Wall = Wall::from_secs(1_800_000_000);

/// Runs tasks; is the clock, too.
#[derive(Clone, Default)]
pub(crate) struct Time(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    now: Duration,
    /// How far the wall clock was put ahead, in milliseconds.
    ahead: i64,
    timers: BTreeMap<(Duration, u64), Waker>,
    timer_count: u64,
    ready: VecDeque<Arc<Running>>,
}

struct Running {
    time: Time,
    future: Mutex<Option<BoxFuture<'static, ()>>>,
    ended: watch::Sender<bool>,
}

impl Wake for Running {
    fn wake(self: Arc<Self>) {
        let time = self.time.clone();
        time.lock().ready.push_back(self);
    }
}

impl Running {
    fn poll(self: Arc<Self>) {
        let waker = Waker::from(Arc::clone(&self));
        let mut future = self.future.lock().expect("a task does not poll itself");
        let Some(pending) = future.as_mut() else { return };
        if pending.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
            *future = None;
            self.ended.send_replace(true);
        }
    }
}

impl Time {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no holder panics")
    }

    /// Time since the start.
    pub(crate) fn elapsed(&self) -> Duration {
        self.lock().now
    }

    /// Puts the wall clock back.
    pub(crate) fn put_back(&self, by: Duration) {
        self.lock().ahead -= by.as_millis() as i64;
    }

    /// Puts the wall clock ahead.
    pub(crate) fn put_ahead(&self, by: Duration) {
        self.lock().ahead += by.as_millis() as i64;
    }

    /// Runs until `main` ends. Panics when all wait for each other.
    pub(crate) fn run<T: Send + 'static>(&self, main: impl Future<Output = T> + Send + 'static) -> T {
        let output = Arc::new(Mutex::new(None));
        let place = Arc::clone(&output);
        self.start(Box::pin(async move {
            let value = main.await;
            *place.lock().expect("no holder panics") = Some(value);
        }));
        loop {
            while let Some(task) = { self.lock().ready.pop_front() } {
                task.poll();
                if let Some(value) = output.lock().expect("no holder panics").take() {
                    return value;
                }
            }
            let mut state = self.lock();
            let ((at, _), waker) = state.timers.pop_first().expect("everybody waits and no timer runs");
            state.now = state.now.max(at);
            drop(state);
            waker.wake();
        }
    }

    fn start(&self, future: BoxFuture<'static, ()>) -> Arc<Running> {
        let ended = watch::Sender::new(false);
        let task = Arc::new(Running { time: self.clone(), future: Mutex::new(Some(future)), ended });
        self.lock().ready.push_back(Arc::clone(&task));
        task
    }
}

impl Tasks for Time {
    fn spawn(&self, future: BoxFuture<'static, ()>) -> Task {
        let task = self.start(future);
        let mut ended = task.ended.subscribe();
        Task {
            ended: Box::pin(async move { drop(ended.wait_for(|ended| *ended).await) }),
            abort: Box::new(move || {
                *task.future.lock().expect("a task does not abort itself") = None;
                task.ended.send_replace(true);
            }),
        }
    }

    fn spawn_dedicated(&self, _: &str, future: BoxFuture<'static, ()>) -> Task {
        self.spawn(future)
    }

    fn compute(&self, work: Box<dyn FnOnce() + Send>) -> BoxFuture<'static, ()> {
        work();
        Box::pin(async {})
    }
}

impl Clock for Time {
    fn mono(&self) -> Mono {
        Mono::from_start(self.elapsed())
    }

    fn wall(&self) -> Wall {
        let state = self.lock();
        Wall::from_millis((START + state.now).millis() + state.ahead)
    }

    fn sleep_until(&self, deadline: Mono) -> BoxFuture<'static, ()> {
        let at = deadline.since(Mono::default());
        Box::pin(Sleep { time: self.clone(), at, key: None })
    }
}

struct Sleep {
    time: Time,
    at: Duration,
    key: Option<(Duration, u64)>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let time = self.time.clone();
        let mut state = time.lock();
        if state.now >= self.at {
            return Poll::Ready(());
        }
        state.timer_count += 1;
        let key = self.key.unwrap_or((self.at, state.timer_count));
        state.timers.insert(key, cx.waker().clone());
        self.key = Some(key);
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            self.time.lock().timers.remove(&key);
        }
    }
}
