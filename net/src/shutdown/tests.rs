use super::*;

#[tokio::test]
async fn every_clone_sees_it_once_thrown_and_those_who_come_later_too() {
    let shutdown = Shutdown::new();
    let waiting = tokio::spawn({
        let shutdown = shutdown.clone();
        async move { shutdown.wait().await }
    });
    assert!(!shutdown.is_triggered());
    shutdown.clone().trigger();
    waiting.await.unwrap();
    shutdown.wait().await;
    assert!(shutdown.is_triggered());
}
