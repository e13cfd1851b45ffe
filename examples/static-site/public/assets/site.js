const answer = await fetch('/api/time')
document.querySelector('#time').value = (await answer.json()).time
